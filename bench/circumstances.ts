import { execFile } from 'node:child_process'
import { statfs } from 'node:fs/promises'
import { arch, availableParallelism, cpus, release, totalmem } from 'node:os'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { packageVersion } from '../api/package-version.ts'
import { throughputFlags } from './harness.ts'

const run = promisify(execFile)

/** What figures belong to, beside the options: on another machine or disk they are others. */
export interface Circumstances {
  /** When it began. */
  readonly date: string
  readonly version: string
  /** Of the folder that this program is in, with `-dirty` if it was changed since; absent without one. */
  readonly commit?: string
  readonly machine: Machine
  /** Of the data folders. */
  readonly fileSystem: string
  readonly argv: readonly string[]
  /** Of the measuring processes, but for those of the group scale, and what NODE_OPTIONS adds to all. */
  readonly v8Flags: readonly string[]
}

export interface Machine {
  readonly cpu: string
  readonly processors: number
  readonly memoryMiB: number
  readonly kernel: string
  readonly node: string
}

/** @throws Error with a code, if there is no such folder */
export async function circumstances(dir: string): Promise<Circumstances> {
  const [fileSystem, commit] = await Promise.all([fileSystemOf(dir), commitOfPackage()])
  return {
    date: new Date().toISOString(),
    version: packageVersion(),
    ...(commit !== undefined && { commit }),
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      processors: availableParallelism(),
      memoryMiB: Math.round(totalmem() / 2 ** 20),
      kernel: `${process.platform} ${release()} ${arch()}`,
      node: process.version,
    },
    fileSystem,
    argv: process.argv.slice(2),
    v8Flags: [...throughputFlags, ...(process.env['NODE_OPTIONS']?.split(' ') ?? [])].filter(
      Boolean,
    ),
  }
}

/** Linux's numbers of the file systems that a database is likely to be on, from statfs(2). */
const fileSystems: Readonly<Record<number, string>> = {
  0xef53: 'ext4',
  0x58465342: 'xfs',
  0x9123683e: 'btrfs',
  0x2fc12fc1: 'zfs',
  0xf2f52010: 'f2fs',
  0x794c7630: 'overlay',
  0x01021994: 'tmpfs',
  0x858458f6: 'ramfs',
  0x6969: 'nfs',
  0x01021997: '9p',
  0x65735546: 'fuse',
}

export function isInMemory(fileSystem: string): boolean {
  return fileSystem === 'tmpfs' || fileSystem === 'ramfs'
}

async function fileSystemOf(dir: string): Promise<string> {
  const { type } = await statfs(dir)
  const known = process.platform === 'linux' ? fileSystems[type] : undefined
  return known ?? `0x${type.toString(16)}`
}

/** A package that was installed lies in someone else's repository, whose commit says nothing of it. */
async function commitOfPackage(): Promise<string | undefined> {
  const here = dirname(fileURLToPath(import.meta.url))
  const root = here.endsWith('dist/bench') ? dirname(dirname(here)) : dirname(here)
  const git = async (...args: readonly string[]): Promise<string> =>
    (await run('git', ['-C', root, ...args], { timeout: 5_000 })).stdout.trim()
  try {
    if ((await git('rev-parse', '--show-toplevel')) !== root) return undefined
    return await git('describe', '--always', '--dirty', '--abbrev=40', '--exclude=*')
  } catch {
    return undefined // No git, or no repository.
  }
}
