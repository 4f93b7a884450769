import { describeJournal } from './conformance.ts'
import { lmdbStore, memoryStore } from './stores.ts'

describeJournal('the memory journal', memoryStore)
describeJournal('the LMDB journal', () => lmdbStore())
// So small a window that nearly every commit has a checkpoint on its way.
describeJournal('the LMDB journal with constant checkpoints', () =>
  lmdbStore({ logWindowBytes: 1 }),
)
