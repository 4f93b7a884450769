import { readFile } from 'node:fs/promises'
import { type Static, Type } from 'typebox'
import { Errors } from 'typebox/value'
import type { Figures } from './report.ts'

const bounds = { seconds: Type.Number(), operations: Type.Optional(Type.Unknown()) }

/** What a comparison needs of a report, which may be of another version: the rest may be missing. */
const schema = Type.Object({
  date: Type.String(),
  isComplete: Type.Optional(Type.Boolean()),
  version: Type.Optional(Type.String()),
  commit: Type.Optional(Type.String()),
  machine: Type.Record(Type.String(), Type.Unknown()),
  fileSystem: Type.Optional(Type.String()),
  v8Flags: Type.Optional(Type.Array(Type.String())),
  options: Type.Object({
    rounds: Type.Number(),
    size: Type.Object({ ...bounds, warmUp: Type.Optional(Type.Object(bounds)) }),
    workflowsMax: Type.Optional(Type.Number()),
  }),
  scenarios: Type.Array(
    Type.Object({
      name: Type.String(),
      rounds: Type.Array(Type.Object({ rate: Type.Number() })),
      comparison: Type.Optional(Type.Object({ ceiling: Type.String() })),
    }),
  ),
})

type Checked = Static<typeof schema>
export interface EarlierScenario extends Omit<Checked['scenarios'][number], 'rounds'> {
  readonly rounds: readonly Figures[]
}
export interface EarlierReport extends Omit<Checked, 'scenarios'> {
  readonly scenarios: readonly EarlierScenario[]
}

/** @throws Error in words for the caller, if the file cannot be read or is no report */
export async function readEarlierReport(file: string): Promise<EarlierReport> {
  const content: unknown = JSON.parse(await readFile(file, 'utf8'))
  const [wrong] = Errors(schema, content)
  if (wrong === undefined) return content as EarlierReport
  const at = wrong.instancePath === '' ? '' : `${wrong.instancePath} `
  throw new Error(`It is not a report of this benchmark: ${at}${wrong.message}.`)
}
