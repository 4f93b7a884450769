import { Channel, putSignal, type ReceiveChannel, waitingSeqs } from './channel.ts'
import { api } from './compatible-api.ts'
import type { SignalDefinition } from './definitions.ts'

/**
 * A signal as a queue that workflow code takes from when it likes. Values come out in the order in which
 * the signals were accepted. Values that nobody has received when the workflow continues as new go to
 * the new run. It never closes, and it takes whatever the mailbox lets in.
 */
export type SignalChannel<T> = ReceiveChannel<T>

export interface SignalChannelOptions<T> {
  /**
   * Makes a value of what the signal carries, before it is counted or received. If it throws, the value
   * is corrupt: it is logged and dropped, and the channel goes on. Default: values are taken as they are.
   */
  readonly parse?: (value: unknown) => T
}

interface OpenChannel {
  readonly channel: Channel<unknown>
  readonly parse: ((value: unknown) => unknown) | undefined
}

// On Temporal the modules are a run's own.
const channelsOfModule = new Map<string, unknown>()

function openChannels(): Map<string, OpenChannel> {
  return (api.hook?.channels() ?? channelsOfModule) as Map<string, OpenChannel>
}

/** The arguments of a signal that a channel can carry: one, or none. */
export type OneArgument = [value?: unknown]

/**
 * The channel of a signal: one for each name. It takes the signals that came before it was asked for,
 * and from then on all of that name. A channel carries one value, a signal's first argument: a signal with
 * more than one needs a handler, or an object for its argument. Should one come all the same, the
 * others are dropped, with a warning in the workflow's log.
 *
 * @throws {TypeError} for another `parse` than the one with which the channel was first asked for
 */
export function getSignalChannel<T = unknown>(
  signal: string,
  options?: SignalChannelOptions<T>,
): SignalChannel<T>
// The last, so that its error is the one that is shown.
export function getSignalChannel<Args extends OneArgument>(
  signal: SignalDefinition<Args>,
  options?: SignalChannelOptions<Args[0]>,
): SignalChannel<Args[0]>
export function getSignalChannel(
  signal: string | { readonly name: string },
  options: SignalChannelOptions<unknown> = {},
): SignalChannel<unknown> {
  const name = typeof signal === 'string' ? signal : signal.name
  const { parse } = options
  const known = openChannels()
  const existing = known.get(name)
  if (existing !== undefined) {
    if (parse === undefined || parse === existing.parse) return existing.channel
    throw new TypeError(`The channel of signal '${name}' was opened with another parse function`)
  }
  const channel = new Channel<unknown>({ name, capacity: Infinity })
  known.set(name, { channel, parse })
  api.hook?.carry(() => waitingSeqs(channel))
  let warned = false
  api.handleSignal(name, (value, ...others) => {
    if (others.length > 0 && !warned) {
      warned = true
      api.warn('A channel carries the first argument of a signal; the others were dropped', {
        signal: name,
        dropped: others.length,
      })
    }
    const parsed = parse === undefined ? { value } : tryParse(name, parse, value)
    if (parsed !== undefined) putSignal(channel, parsed.value, api.hook?.currentSignalSeq())
  })
  return channel
}

function tryParse(
  signal: string,
  parse: (value: unknown) => unknown,
  value: unknown,
): { readonly value: unknown } | undefined {
  try {
    return { value: parse(value) }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    api.warn('Dropped a corrupt signal value', { signal, reason })
    return undefined
  }
}

/**
 * The names of signals that have come and that nothing has taken: no handler, or nobody who received them
 * from their channel. On Temporal, where signals without a handler cannot be seen, only the latter.
 */
export function getUnhandledSignalNames(): string[] {
  const names = new Set(api.hook?.unhandledSignalNames() ?? [])
  for (const [name, { channel }] of openChannels()) if (channel.length > 0) names.add(name)
  return [...names].sort()
}
