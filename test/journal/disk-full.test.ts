import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { openLmdbJournal } from '../../runtime/journal-lmdb.ts'
import { batch, inputs, readTexts } from './records.ts'
import { temporaryFolder } from './stores.ts'

function mountTmpfs(path: string, size: string, remount = false): boolean {
  try {
    const options = `size=${size}${remount ? ',remount' : ''}`
    execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

// Goal: a full disk stops acknowledgements for good, loses nothing that was acknowledged, and the
// folder opens again once there is room. A small tmpfs is filled by commits until one fails.
it('a full disk poisons the journal and leaves everything acknowledged readable', async (context) => {
  const folder = await temporaryFolder()
  if (!mountTmpfs(folder.path, '6m')) {
    await folder.dispose()
    context.skip('this process may not mount a tmpfs')
  }
  const unhandled: unknown[] = []
  const onUnhandled = (reason: unknown) => unhandled.push(reason)
  process.on('unhandledRejection', onUnhandled)
  try {
    const dataDir = join(folder.path, 'data')
    const journal = await openLmdbJournal({ dataDir, logWindowBytes: 400_000 })
    let acknowledged = 0
    const failure = await (async (): Promise<unknown> => {
      for (;;) {
        const next = inputs(1, acknowledged + 1, 1, 'x'.repeat(20_000))
        try {
          await journal.commit(batch([next], [['last', `${next.seq}`]]))
        } catch (error) {
          return error
        }
        acknowledged += 1
      }
    })()
    expect(acknowledged).toBeGreaterThan(50)
    expect(failure).toMatchObject({ code: 'SIGNALBOX_ERR_INDETERMINATE' })
    await expect(journal.commit(batch([inputs(2, 1, 1)]))).rejects.toBe(failure)
    expect(readTexts(journal, 1)).toHaveLength(acknowledged)
    expect(journal.runState(1)).toEqual({ head: acknowledged, processed: 0 })
    await new Promise((done) => setTimeout(done, 20))
    expect(unhandled).toEqual([])
    await journal.close()

    expect(mountTmpfs(folder.path, '64m', true)).toBe(true)
    const again = await openLmdbJournal({ dataDir })
    // The commit whose outcome nobody knew may be there, but whole.
    expect(readTexts(again, 1).length - acknowledged).toBeOneOf([0, 1])
    const last = again.getRow(Buffer.from('last'))
    expect(Buffer.from(last!).toString()).toBe(String(again.runState(1)!.head))
    await again.commit(batch([inputs(2, 1, 1)]))
    await again.close()
  } finally {
    process.off('unhandledRejection', onUnhandled)
    execFileSync('/bin/umount', [folder.path])
    await folder.dispose()
  }
}, 60_000)
