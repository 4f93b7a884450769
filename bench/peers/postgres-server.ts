import { execFile } from 'node:child_process'
import { chown, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ChildServer, findProgram, freePort } from './child-server.ts'

const run = promisify(execFile)
const debianFolder = '/usr/lib/postgresql'

/** A PostgreSQL server of its own in a folder, with the durability of its defaults. */
export class PostgresServer {
  readonly url: string
  readonly version: string
  readonly #server: ChildServer

  private constructor(url: string, version: string, server: ChildServer) {
    this.url = url
    this.version = version
    this.#server = server
  }

  /** Where Debian and others put its programs; undefined if it is not installed. */
  static async program(name: 'initdb' | 'postgres' | 'psql'): Promise<string | undefined> {
    const versions = await readdir(debianFolder).catch(() => [])
    return findProgram(
      name,
      versions.map((version) => join(debianFolder, version, 'bin')),
    )
  }

  static async start(dataDir: string): Promise<PostgresServer> {
    const [initdb, postgres, psql] = await Promise.all(
      (['initdb', 'postgres', 'psql'] as const).map((name) => PostgresServer.program(name)),
    )
    if (initdb === undefined || postgres === undefined || psql === undefined) {
      throw new Error('PostgreSQL is not installed.')
    }
    // It refuses to run as root, which containers often are: then as the user that its package made.
    const owner = process.getuid?.() === 0 ? await userIds('postgres') : undefined
    const folder = join(dataDir, 'postgres')
    await mkdir(folder, { mode: 0o700 })
    if (owner !== undefined) {
      await chown(dataDir, owner.uid, owner.gid)
      await chown(folder, owner.uid, owner.gid)
    }
    const as = { ...owner, cwd: folder }
    await run(initdb, ['-D', folder, '-A', 'trust', '-U', 'bench', '--encoding', 'UTF8'], as)
    const port = await freePort()
    const settings = {
      listen_addresses: '127.0.0.1',
      port: String(port),
      unix_socket_directories: '',
      fsync: 'on',
      synchronous_commit: 'on',
      max_connections: '100',
    }
    const server = new ChildServer(
      postgres,
      [
        '-D',
        folder,
        ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ],
      as,
    )
    const url = `postgresql://bench@127.0.0.1:${port}/postgres`
    await server.ready(() => run(psql, [url, '-c', 'select 1']))
    const { stdout } = await run(postgres, ['--version'])
    return new PostgresServer(url, /[\d.]+/.exec(stdout)?.[0] ?? 'unknown', server)
  }

  /** SIGINT: connections are ended, nothing is lost. */
  stop(): Promise<void> {
    return this.#server.stop('SIGINT')
  }
}

async function userIds(name: string): Promise<{ readonly uid: number; readonly gid: number }> {
  const [uid, gid] = await Promise.all(
    ['-u', '-g'].map(async (flag) => Number((await run('id', [flag, name])).stdout)),
  )
  if (uid === undefined || gid === undefined) throw new Error(`There is no user ${name}.`)
  return { uid, gid }
}
