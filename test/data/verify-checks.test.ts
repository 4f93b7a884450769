import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type Database, open } from 'lmdb'
import {
  defineSearchAttributeKey,
  Runtime,
  SearchAttributeType,
  silentLogger,
  TypedSearchAttributes,
} from 'signalbox'
import { beforeAll, expect, test } from 'vitest'
import { encode, encodeCommands, encodeInputs } from '../../actors/records.ts'
import { type Input, InputKind } from '../../actors/inputs.ts'
import { backupData } from '../../runtime/data-backup.ts'
import { type Damage, verifyData } from '../../runtime/data-verify.ts'
import { checksum } from '../../runtime/journal-checksum.ts'
import {
  dataKeyKind,
  metaKey,
  rowKey,
  runKey as recordsKey,
  runKeyEnd,
} from '../../runtime/journal-keys.ts'
import { openLmdbJournal } from '../../runtime/journal-lmdb.ts'
import { type NewRecord, RecordKind } from '../../runtime/journal.ts'
import { databaseOptions, environmentOptions } from '../../runtime/journal-tree.ts'
import {
  activityKey,
  childLinkKey,
  closedKey,
  runKey,
  updateKey,
  workflowIdKey,
} from '../../runtime/row-keys.ts'
import { decodeRunRow, encodeRunRow, type RunRow } from '../../runtime/run-row.ts'
import { createRunId } from '../../runtime/run-id.ts'
import { encodeKey } from '../../runtime/run-table.ts'
import { encodeCount } from '../../runtime/visibility-counts.ts'
import { termsOf } from '../../runtime/visibility-index.ts'
import { countKey, entryKey, placeOf } from '../../runtime/visibility-keys.ts'
import { seededRandom } from '../fixtures/seeded-random.ts'
import { bundleOf } from '../fixtures/lab.ts'

type Tree = Database<Uint8Array, Uint8Array>

/** Run numbers, in the order of the starts. */
const [leaver, brief, long] = [1, 2, 3]
let folder = ''
let copies = 0

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'signalbox-verify-'))
  const runtime = await Runtime.open({
    dataDir: path.join(folder, 'whole'),
    workflowBundle: await bundleOf('retention-workflows.ts'),
    slots: 1,
    logger: silentLogger,
    retention: '30 days',
    activities: { slowly: () => new Promise(() => undefined) },
  })
  const { workflow } = runtime.client
  const customer = defineSearchAttributeKey('Customer', SearchAttributeType.KEYWORD)
  const open = await workflow.start('leaver', { workflowId: 'leaver', args: [1], requestId: 'r' })
  await open.executeUpdate('tell', { args: ['a'], updateId: 'u' })
  await workflow.execute('brief', {
    workflowId: 'brief',
    args: [1],
    typedSearchAttributes: new TypedSearchAttributes([{ key: customer, value: 'ada' }]),
  })
  const sent = await workflow.start('leaver', { workflowId: 'long', args: [0] })
  // Some values in the data tree, of 16 KiB each.
  for (let n = 0; n < 12; n++) await sent.signal('say', 'x'.repeat(8_000))
  await sent.query('heard')
  await runtime.close()
  expect(await verify('whole')).toEqual([])
  return () => rm(folder, { recursive: true, force: true })
})

async function verify(name: string): Promise<Damage[]> {
  const found: Damage[] = []
  await verifyData(path.join(folder, name), { onDamage: (damage) => found.push(damage) })
  return found
}

/** Change a copy of the folder in LMDB itself. @returns what verify tells of it */
async function damaged(change: (data: Tree, log: Tree) => Promise<unknown>): Promise<string[]> {
  const name = `copy-${(copies += 1)}`
  cpSync(path.join(folder, 'whole'), path.join(folder, name), { recursive: true })
  const root = open<Uint8Array, Uint8Array>({
    ...environmentOptions,
    path: path.join(folder, name, 'journal'),
  })
  await change(root.openDB(databaseOptions('data')), root.openDB(databaseOptions('log')))
  await root.close()
  return (await verify(name)).map(({ place, problem }) => `${place}: ${problem}`)
}

/** Append records to a copy of the folder as a runtime with a defect could. @returns what verify tells of it */
async function written(
  records: (head: number) => readonly NewRecord[],
  rows: readonly (readonly [Uint8Array, Uint8Array])[] = [],
): Promise<string[]> {
  const name = `copy-${(copies += 1)}`
  cpSync(path.join(folder, 'whole'), path.join(folder, name), { recursive: true })
  const journal = await openLmdbJournal({ dataDir: path.join(folder, name) })
  const { head } = journal.runState(leaver) ?? { head: 0 }
  await journal.commit({ records: records(head), rows })
  await journal.close()
  return (await verify(name)).map(({ place, problem }) => `${place}: ${problem}`)
}

function rowOf(data: Tree, run: number): RunRow {
  return decodeRunRow(data.get(rowKey(runKey(run))) ?? new Uint8Array(0))
}

const changeRow = (run: number, change: Partial<RunRow>) => (data: Tree) =>
  data.put(rowKey(runKey(run)), encodeRunRow({ ...rowOf(data, run), ...change }))

function valuesOf(data: Tree, run: number): { key: Uint8Array; value: Buffer }[] {
  const range = data.getRange({ start: recordsKey(run, 0, 0), end: runKeyEnd(run) })
  return [...range].map(({ key, value }) => ({
    key: Buffer.from(key),
    value: Buffer.from(value),
  }))
}

/** Flip a bit of the first value of a run. */
const flip = (run: number, offset: number) => (data: Tree) => {
  const [first] = valuesOf(data, run)
  if (first === undefined) throw new Error('a run has values')
  first.value[offset]! ^= 1
  return data.put(first.key, first.value)
}

type Case = [what: string, change: (data: Tree, log: Tree) => Promise<unknown>, ...told: RegExp[]]
const other = createRunId(99, 1_700_000_000_000)
const countOf = (data: Tree) => {
  const { namespace, workflowType, status } = rowOf(data, brief)
  return rowKey(countKey(namespace, workflowType, status))
}
const entriesOf = (data: Tree, run: number) => {
  const row = rowOf(data, run)
  return termsOf(row).map((term) => rowKey(entryKey(term, placeOf(run, row.startTime))))
}

const cases: Case[] = [
  ['the state of a run', flip(leaver, 5), /state of the run fails its checksum/],
  ['the header of a record', flip(leaver, 16 + 20), /header of the record .* fails its checksum/],
  ['the body of a record', flip(leaver, 16 + 50), /record at input 1 fails its checksum/],
  [
    'a record of another run',
    (data) => data.put(recordsKey(brief, 0, 0), valuesOf(data, leaver)[0]?.value ?? Buffer.of()),
    /has a record of run 1/,
    /run 2/,
  ],
  [
    'a missing value of a run',
    (data) => data.remove(valuesOf(data, long)[2]?.key ?? Buffer.of()),
    /run 3/,
  ],
  [
    'a state that is not that of the records',
    (data) => {
      const last = valuesOf(data, leaver).at(-1)
      if (last === undefined) throw new Error('a run has values')
      last.value.writeUInt16LE(last.value.readUInt16LE(4) + 1, 4)
      last.value.writeUInt32LE(checksum(last.value, 4, 16), 0)
      return data.put(last.key, last.value)
    },
    /its state says/,
  ],
  [
    'a block of request ids',
    (data) => {
      for (const { key, value } of data.getRange({})) {
        if (dataKeyKind(key) !== 'requests') continue
        const bytes = Buffer.from(value)
        bytes[bytes.length - 1]! ^= 1
        return data.put(Buffer.from(key), bytes)
      }
      throw new Error('there are request ids')
    },
    /the block fails its checksum/,
  ],
  ['an entry of no known kind', (data) => data.put(Buffer.of(9), Buffer.of(9)), /of no known kind/],
  [
    'the meta rows',
    (_, log) => log.put(metaKey('checkpoint'), Buffer.alloc(40, 1)),
    /the meta rows of the log/,
  ],
  [
    'a workflow id of no run',
    (data) => data.put(rowKey(workflowIdKey('default', 'x')), encodeKey(99)),
    /table workflowId: names run 99, which is not there/,
  ],
  [
    'a workflow id of the run of another',
    (data) => data.put(rowKey(workflowIdKey('default', 'x')), encodeKey(leaver)),
    /table workflowId: names run 1, which is of the workflow leaver/,
  ],
  [
    'a run id of another run',
    changeRow(leaver, { runId: other, firstExecutionRunId: other }),
    /has the run id .*, of another run/,
    /its summary has the runId/,
  ],
  [
    'a summary that cannot be read',
    (data) => data.put(rowKey(runKey(brief)), Buffer.of(0x92, 1)),
    /table run: cannot be read/,
    /table (workflowId|closed): cannot be read/,
  ],
  [
    'an activity of a run that is not open',
    (data) => data.put(rowKey(activityKey(brief, 1)), encode({})),
    /an activity of run 2, which is not open/,
  ],
  [
    'an update of a run that is not there',
    (data) => data.put(rowKey(updateKey(99, 'u')), encode([])),
    /an update of run 99, which is not there/,
  ],
  [
    'a link that cannot be read',
    (data) => data.put(rowKey(childLinkKey(leaver, 9)), Buffer.of(0x92, 1)),
    /table link: cannot be read/,
  ],
  [
    'a close that was not',
    (data) => data.put(rowKey(closedKey('default', 1, leaver)), Buffer.of()),
    /says that run 1 has closed at that time/,
  ],
  [
    'a summary without a history',
    async (data) => {
      for (const { key } of valuesOf(data, leaver)) await data.remove(key)
    },
    /run 1: has a summary and no history/,
  ],
  [
    'a history without a summary',
    async (data) => {
      for (const key of entriesOf(data, brief)) await data.remove(key)
      await data.remove(countOf(data))
      await data.remove(rowKey(workflowIdKey('default', 'brief')))
      const { closeTime = 0 } = rowOf(data, brief)
      await data.remove(rowKey(closedKey('default', closeTime, brief)))
      await data.remove(rowKey(runKey(brief)))
    },
    /run 2: has a history and no summary/,
  ],
  [
    'a summary of another task queue',
    changeRow(leaver, { taskQueue: 'other' }),
    /its summary has the taskQueue other/,
  ],
  [
    'a close behind the last input',
    changeRow(brief, { closeSeq: 1_000 }),
    /closed with turn 1000, and has/,
  ],
  [
    'a close without a time',
    async (data) => {
      const { closeTime = 0 } = rowOf(data, brief)
      await data.remove(rowKey(closedKey('default', closeTime, brief)))
      for (const key of entriesOf(data, brief)) await data.remove(key)
      await changeRow(brief, { closeTime: undefined })(data)
      for (const key of entriesOf(data, brief)) await data.put(key, Buffer.of())
    },
    /is closed and has no close time/,
  ],
  [
    'a run that lists do not find',
    (data) => data.remove(entriesOf(data, brief)[1] ?? Buffer.of()),
    /table visibility: is missing: lists do not find run 2/,
  ],
  [
    'an entry of no run',
    (data) =>
      data.put(
        rowKey(entryKey(termsOf(rowOf(data, brief))[0] ?? Buffer.of(), placeOf(99, 1))),
        Buffer.of(),
      ),
    /table visibility: is an entry of run 99, which is not there/,
  ],
  [
    'an entry by which a run is not to be found',
    (data) => {
      const [term = Buffer.of()] = termsOf({ ...rowOf(data, leaver), status: 'FAILED' })
      const place = placeOf(leaver, rowOf(data, leaver).startTime)
      return data.put(rowKey(entryKey(term, place)), Buffer.of())
    },
    /table visibility: is an entry of run 1, which is not to be found by it/,
  ],
  [
    'a wrong count',
    (data) => data.put(countOf(data), encodeCount(7)),
    /table runCount: counts 7 runs, and there are 1/,
  ],
  [
    'a missing count',
    (data) => data.remove(countOf(data)),
    /table runCount: is missing: there are 1 runs to count/,
  ],
]

test.each(cases)('%s is found, and nothing else is told', async (_, change, ...told) => {
  const found = await damaged(change)
  for (const line of found) {
    expect(
      told.some((pattern) => pattern.test(line)),
      line,
    ).toBe(true)
  }
  for (const pattern of told) expect(found.join('\n')).toMatch(pattern)
})

test('of a backup any changed bit is found, until it is opened', async () => {
  const backup = path.join(folder, 'backup')
  await backupData(path.join(folder, 'whole'), backup)
  expect(await verify('backup')).toEqual([])
  const bytes = readFileSync(path.join(backup, 'journal', 'data.mdb'))
  const random = seededRandom(26)
  for (let round = 0; round < 30; round++) {
    const changed = Buffer.from(bytes)
    changed[Math.floor(random() * bytes.length)]! ^= 1 << Math.floor(random() * 8)
    const name = `flipped-${round}`
    cpSync(backup, path.join(folder, name), { recursive: true })
    writeFileSync(path.join(folder, name, 'journal', 'data.mdb'), changed)
    const found: Damage[] = []
    // A damaged meta page may keep LMDB from opening it at all.
    await verifyData(path.join(folder, name), { onDamage: (damage) => found.push(damage) }).catch(
      (error: unknown) => expect(error).toMatchObject({ code: 'SIGNALBOX_ERR_JOURNAL_CORRUPT' }),
    )
    expect(found, `round ${round}`).toContainEqual({
      place: 'the file journal/data.mdb',
      problem: expect.stringMatching(/not as the backup was made/) as string,
    })
  }
  const journal = await openLmdbJournal({ dataDir: backup })
  await journal.close()
  expect(await verify('backup')).toEqual([])
})

const signal: Input = [InputKind.signaled, 1, 'say', []]
const oneInput = encodeInputs([signal])

test('a record that has not as many inputs as it says is found', async () => {
  const record = { run: leaver, kind: RecordKind.inputs, count: 2, bytes: oneInput }
  const found = await written((head) => [{ ...record, seq: head + 1 }])
  expect(found).toContainEqual(expect.stringMatching(/run 1, input \d+: has 1 inputs and not 2/))
})

test('commands of a turn that is not the record’s are found', async () => {
  const found = await written((head) => {
    const at = { run: leaver, seq: head + 1, count: 1 }
    const bytes = encodeCommands(9, [[head + 7, []]])
    return [
      { ...at, kind: RecordKind.inputs, bytes: oneInput },
      { ...at, kind: RecordKind.commands, bytes },
    ]
  })
  expect(found).toContainEqual(expect.stringMatching(/run 1, input \d+: has commands of turn \d+/))
})

test('a run that does not begin with its start is found', async () => {
  const record = { run: 50, seq: 1, kind: RecordKind.inputs, count: 1, bytes: oneInput }
  expect(await written(() => [record])).toEqual(['run 50: has a history and no summary'])
  const row = await readRow()
  const summary = encodeRunRow({ ...row, runId: createRunId(50, row.startTime) })
  const found = await written(() => [record], [[runKey(50), summary]])
  expect(found).toContain('run 50: does not begin with its start')
})

async function readRow(): Promise<RunRow> {
  let row: RunRow | undefined
  await damaged(async (data) => {
    row = rowOf(data, leaver)
  })
  if (row === undefined) throw new Error('the run has a row')
  return row
}
