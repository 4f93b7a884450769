import { readFile } from 'node:fs/promises'
import { DBOS } from '@dbos-inc/dbos-sdk'
import type { OpenPeer, Peer } from './peer.ts'
import { PostgresServer } from './postgres-server.ts'

const topic = 'add'
const receiveTimeoutSeconds = 600
const finish = 'finish'

/** Receives amounts until it is told to finish, and returns their sum. */
const counter = DBOS.registerWorkflow(
  async () => {
    let sum = 0
    for (;;) {
      const message = await DBOS.recv<number | typeof finish>(topic, receiveTimeoutSeconds)
      if (message === finish) return sum
      if (message === null) throw new Error('Nothing was sent for too long.')
      sum += message
    }
  },
  { name: 'counter' },
)

export const dbosPeer: Peer = {
  name: 'DBOS',
  work: 'DBOS.send to a workflow that receives in a loop; resolves when the message is in PostgreSQL',
  durability:
    'commit in PostgreSQL with fsync and synchronous_commit on; its own commit for each receipt',
  missing: async () =>
    (await PostgresServer.program('postgres')) === undefined
      ? 'PostgreSQL is not installed: apt-get install postgresql'
      : undefined,
  open: openDbos,
}

async function openDbos(dataDir: string, instances: number): Promise<OpenPeer> {
  const postgres = await PostgresServer.start(dataDir)
  DBOS.setConfig({
    name: 'bench',
    systemDatabaseUrl: postgres.url.replace('/postgres', '/bench'),
    logLevel: 'error',
  })
  await DBOS.launch()
  const handles = await Promise.all(
    Array.from({ length: instances }, (_, n) =>
      DBOS.startWorkflow(counter, { workflowID: `counter-${n}` })(),
    ),
  )
  const manifest = await readFile(
    new URL('./node_modules/@dbos-inc/dbos-sdk/package.json', import.meta.url),
    'utf8',
  )
  const { version } = JSON.parse(manifest) as { version: string }
  return {
    version: `${version}, PostgreSQL ${postgres.version}`,
    signal: (instance) => DBOS.send(`counter-${instance}`, 1, topic),
    settle: async (sent) => {
      await Promise.all(handles.map((_, n) => DBOS.send(`counter-${n}`, finish, topic)))
      for (const [instance, count] of sent.entries()) {
        const counted = await handles[instance]?.getResult()
        if (counted !== count) throw new Error(`${instance} counted ${counted} of ${count}.`)
      }
    },
    close: async () => {
      await DBOS.shutdown()
      await postgres.stop()
    },
  }
}
