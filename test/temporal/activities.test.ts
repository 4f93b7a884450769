import { createRequire } from 'node:module'
import * as sdkTesting from '@temporalio/testing'
import { describe, expect, test } from 'vitest'
import * as ourApi from '../../dist/runtime/activity/index.js'
import * as ourTesting from '../../dist/runtime/testing/index.js'

/**
 * `signalbox/activity` beside the real `@temporalio/activity`: the same functions, each in the mock environment
 * of its own package, see the same and end in the same way.
 */
// Not by an import: this project's other tests have our package under that name.
const sdkApi = createRequire(import.meta.url)('@temporalio/activity') as typeof ourApi

const quiet = { log() {}, trace() {}, debug() {}, info() {}, warn() {}, error() {} }

type Api = typeof ourApi
type Environment = ourTesting.MockActivityEnvironment

interface Side {
  readonly api: Api
  readonly make: () => Environment
}

const sides: Readonly<Record<'ours' | 'sdk', Side>> = {
  ours: { api: ourApi, make: () => new ourTesting.MockActivityEnvironment({ attempt: 2 }) },
  sdk: {
    api: sdkApi,
    make: () =>
      new sdkTesting.MockActivityEnvironment(
        { attempt: 2 },
        { logger: quiet },
      ) as unknown as Environment,
  },
}

type Performance = (api: Api, env: Environment) => Promise<unknown>

function told(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const { name, message, cause } = error
  const { type, nonRetryable, details, nextRetryDelay, category } = error as Partial<
    InstanceType<Api['ApplicationFailure']>
  >
  const rest = { type, nonRetryable, details, nextRetryDelay, category }
  return { name, message, ...rest, cause: cause && told(cause) }
}

/** Called a moment after the function has begun. */
const soon = (what: () => void): void => void setTimeout(what, 5)

const performances: Readonly<Record<string, Performance>> = {
  'arguments and result': (_, env) =>
    env.run(async (...args: number[]) => args.reduce((a, b) => a + b), 1, 2, 3),
  'its information': (api, env) =>
    env.run(async () => {
      const { taskQueue, attempt, isLocal, activityType, activityId } = api.activityInfo()
      const { heartbeatDetails, workflowType, workflowNamespace } = api.Context.current().info
      return [
        [taskQueue, attempt, isLocal, activityType, activityId],
        [heartbeatDetails, workflowType, workflowNamespace],
      ]
    }),
  'the default information': async (api) => {
    const { defaultActivityInfo } = (api === ourApi ? ourTesting : sdkTesting) as typeof ourTesting
    // `toEqual` takes what is undefined for what is not there.
    const { idempotencyKey, ...info } = defaultActivityInfo
    void idempotencyKey
    return { ...info, taskToken: [...info.taskToken] }
  },
  heartbeats: async (api, env) => {
    const heard: unknown[] = []
    env.on('heartbeat', (details: unknown) => heard.push(details))
    await env.run(async () => {
      api.heartbeat()
      api.heartbeat({ at: 1 })
      await Promise.resolve()
      api.Context.current().heartbeat(['two'])
    })
    return heard
  },
  'sleep, and nothing else': (api, env) => env.run(() => api.sleep(3)),
  'a sleep that is cancelled': (api, env) => {
    soon(() => env.cancel('TIMED_OUT' as never))
    return env.run(() => api.sleep('1 hour'))
  },
  'cancelled, and what it says': (api, env) => {
    soon(() => env.cancel('WORKER_SHUTDOWN' as never))
    return env.run(() => api.cancelled())
  },
  'the signal': (api, env) => {
    soon(() => env.cancel())
    return env.run(async () => {
      const signal = api.cancellationSignal()
      const before = signal.aborted
      const reason = await new Promise((resolve) =>
        signal.addEventListener('abort', () => resolve(signal.reason)),
      )
      return [before, signal.aborted, told(reason)]
    })
  },
  'details of the cancellation': (api, env) => {
    soon(() => env.cancel())
    return env.run(async () => {
      const before = api.cancellationDetails()
      await api.cancelled().catch(() => undefined)
      return [before, api.cancellationDetails()]
    })
  },
  'the context in callbacks': (api, env) =>
    env.run(async () => {
      const { activityId } = await new Promise<{ activityId: string }>((resolve) =>
        setTimeout(() => resolve(api.activityInfo()), 1),
      )
      return activityId
    }),
  'an error of its own': (_, env) =>
    env.run(async () => {
      throw new RangeError('mine', { cause: new TypeError('of it') })
    }),
  'a failure with all there is': (api, env) =>
    env.run(async () => {
      throw api.ApplicationFailure.create({
        message: 'no',
        type: 'No',
        nonRetryable: true,
        details: [1, { two: 2 }],
        nextRetryDelay: '3 s',
        category: 'BENIGN' as never,
        cause: new Error('why'),
      })
    }),
  'failures by their short ways': async ({ ApplicationFailure }) => [
    told(ApplicationFailure.retryable('a', 'A', 1)),
    told(ApplicationFailure.nonRetryable('b', 'B', 2)),
    told(ApplicationFailure.fromError(new RangeError('c'), { type: 'C' })),
  ],
  'an outcome that is left to others': (api, env) =>
    env.run(async () => {
      throw new api.CompleteAsyncError()
    }),
  'outside of an activity': async (api) =>
    [api.activityInfo, () => api.heartbeat(1), () => api.Context.current(), api.cancelled].map(
      (call) => {
        try {
          return call()
        } catch (error) {
          return told(error)
        }
      },
    ),
}

describe('activity code sees on signalbox what it sees on the SDK:', () => {
  test.each(Object.entries(performances))('%s', async (_name, perform) => {
    const [ours, sdk] = await Promise.all(
      [sides.ours, sides.sdk].map(async ({ api, make }) => {
        try {
          return { gave: await perform(api, make()) }
        } catch (error) {
          return { threw: told(error) }
        }
      }),
    )
    expect(ours).toEqual(sdk)
  })

  test('they are two packages', () => {
    expect(ourApi.Context).not.toBe(sdkApi.Context)
  })
})

test('signalbox/activity has every name of @temporalio/activity', () => {
  const names = Object.keys(sdkApi)
  expect(names).toContain('heartbeat')
  expect(names.filter((name) => !(name in ourApi))).toEqual([])
})
