import { readFile, readlink } from 'node:fs/promises'
import { hostname } from 'node:os'

/** Who has a data folder open. Times are in milliseconds since the epoch. */
export interface DataFolderOwner {
  readonly pid: number
  /** When the process started: together with the pid it names a process for good. */
  readonly startTime: number
  /** The same from the kernel, in clock ticks since boot; absent where /proc is. */
  readonly startTicks?: string
  /** Which boot of the machine; absent where /proc is. */
  readonly bootId?: string
  /** Pids mean something only within their namespace: in a container every service is pid 1. */
  readonly pidNamespace?: string
  readonly host: string
  /** Whether the owner has closed the folder. */
  readonly released: boolean
}

export async function thisProcess(): Promise<DataFolderOwner> {
  const [startTicks, bootId, pidNamespace] = await Promise.all([
    startTicksOf('self'),
    readBootId(),
    readPidNamespace(),
  ])
  return {
    pid: process.pid,
    startTime: Math.round(Date.now() - process.uptime() * 1_000),
    ...(startTicks === undefined ? {} : { startTicks }),
    ...(bootId === undefined ? {} : { bootId }),
    ...(pidNamespace === undefined ? {} : { pidNamespace }),
    host: hostname(),
    released: false,
  }
}

export type Liveness = 'alive' | 'dead' | 'unknown'

/**
 * Whether the process that wrote an owner file still runs, as far as can be told from here.
 * - Same boot and pid namespace: exactly, since a reused pid has another start time.
 * - Same host in another boot: dead.
 * - Another container or machine, or no /proc: unknown, unless the pid is free here.
 */
export async function livenessOf(owner: DataFolderOwner): Promise<Liveness> {
  if (owner.released) return 'dead'
  const self = await thisProcess()
  if (owner.bootId !== undefined && self.bootId !== undefined) {
    if (owner.bootId !== self.bootId) return owner.host === self.host ? 'dead' : 'unknown'
    if (owner.pidNamespace !== self.pidNamespace) return 'unknown'
    const startTicks = await startTicksOf(owner.pid)
    return startTicks !== undefined && startTicks === owner.startTicks ? 'alive' : 'dead'
  }
  if (owner.host !== self.host) return 'unknown'
  if (owner.pid === process.pid && Math.abs(owner.startTime - self.startTime) < 2_000) {
    return 'alive'
  }
  return isRunning(owner.pid) ? 'unknown' : 'dead'
}

export function describeOwner(owner: DataFolderOwner): string {
  const since = new Date(owner.startTime).toISOString()
  const boot = owner.bootId === undefined ? '' : `, boot ${owner.bootId}`
  return `process ${owner.pid} (started ${since}${boot}) on host ${owner.host}`
}

/** Field 22 of /proc/<pid>/stat; a zombie has ended and counts as gone. */
async function startTicksOf(pid: number | 'self'): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  // The second field is the command in parentheses and may hold spaces and parentheses itself.
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ')
  return fields?.[0] === 'Z' || fields?.[0] === 'X' ? undefined : fields?.[19]
}

async function readBootId(): Promise<string | undefined> {
  const text = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => undefined)
  return text?.trim()
}

async function readPidNamespace(): Promise<string | undefined> {
  return readlink('/proc/self/ns/pid').catch(() => undefined)
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Not permitted means that there is such a process.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
