import { readFile } from 'node:fs/promises'
import { DBOS } from '@dbos-inc/dbos-sdk'
import type { OpenPeer, Peer } from './peer.ts'
import { PostgresServer } from './postgres-server.ts'

const topic = 'add'
const receiveTimeoutSeconds = 600

/** An amount, or the name of an event that is to tell the sum so far. */
type Message = number | string

/** Receives amounts for ever. */
const counter = DBOS.registerWorkflow(
  async (): Promise<never> => {
    let sum = 0
    for (;;) {
      const message = await DBOS.recv<Message>(topic, receiveTimeoutSeconds)
      if (message === null) throw new Error('Nothing was sent for too long.')
      if (typeof message === 'string') await DBOS.setEvent(message, sum)
      else sum += message
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
  const workflowIDs = Array.from({ length: instances }, (_, n) => `counter-${n}`)
  await Promise.all(workflowIDs.map((workflowID) => DBOS.startWorkflow(counter, { workflowID })()))
  let settled = 0
  const manifest = await readFile(
    new URL('./node_modules/@dbos-inc/dbos-sdk/package.json', import.meta.url),
    'utf8',
  )
  const { version } = JSON.parse(manifest) as { version: string }
  return {
    version: `${version}, PostgreSQL ${postgres.version}`,
    signal: (instance) => DBOS.send<Message>(`counter-${instance}`, 1, topic),
    settle: async (sent) => {
      const event = `sum ${(settled += 1)}`
      await Promise.all(workflowIDs.map((id) => DBOS.send<Message>(id, event, topic)))
      for (const [instance, workflowID] of workflowIDs.entries()) {
        const counted = await DBOS.getEvent<number>(workflowID, event, receiveTimeoutSeconds)
        if (counted === sent[instance]) continue
        throw new Error(`${workflowID} counted ${counted} of ${sent[instance]}.`)
      }
    },
    close: async () => {
      await DBOS.shutdown()
      await postgres.stop()
    },
  }
}
