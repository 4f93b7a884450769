import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ExampleServer } from '../../examples/demo/example-server.ts'

const run = promisify(execFile)
let dataDir: string
let server: ExampleServer

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'signalbox-readmes-'))
  server = await ExampleServer.create(dataDir)
  await server.start()
})

afterAll(async () => {
  await server.kill()
  await rm(dataDir, { recursive: true, force: true })
})

/** What the last answer of a README's shell lines must say. */
const promised: Readonly<Record<string, RegExp>> = {
  'loyalty-program': /"level":"silver","purchases":10,/,
  'iot-reprovisioning': /"queryResult":\[\{"state"/,
  'human-task': /"state":"claimed","user":"ann",.*"action":"complete","user":"bob"/,
  'process-alteration': /"queryResult":\[\{"phase":"(paused|rolling out|rolled out)"/,
  synchronization: /"queryResult":\[\{"waiting":\d+,"processed":\d+\}\]/,
  batch: /"parentExecution":\{"workflowId":"invoices"/,
  'channel-and-selector': /"status":"WORKFLOW_EXECUTION_STATUS_(COMPLETED|RUNNING)"/,
}

test.each(Object.entries(promised))(
  'the shell lines of the README of %s do what it says',
  async (folder, answer) => {
    const readme = await readFile(
      new URL(`../../examples/${folder}/README.md`, import.meta.url),
      'utf8',
    )
    const lines = [...readme.matchAll(/```\n(.*?)```/gs)].map(([, block]) => block).join('\n')
    expect(lines).toContain('curl')
    const script = lines
      .replaceAll(':7243/', `:${server.port}/`)
      .replaceAll('curl ', 'curl -sS --fail-with-body ')
    const { stdout } = await run('bash', ['-euc', script], { timeout: 25_000 })
    expect(stdout).toMatch(answer)
  },
)
