import { type Static, type TSchema, Type } from 'typebox'
import { type Limits, type RuntimeOptions, defaultLimits } from '../runtime/options.ts'
import type { RetentionTime } from '../runtime/retention-options.ts'
import { defaultServerLimits, type ServerLimits } from './api-limits.ts'
import { type Authenticate, hashPattern } from './authentication.ts'
import { scopeNames } from './operation.ts'
import { logLevels } from './serve-defaults.ts'

type Interceptors = NonNullable<RuntimeOptions['interceptors']>
type Codecs = NonNullable<NonNullable<RuntimeOptions['dataConverter']>['payloadCodecs']>

const closed = { additionalProperties: false }

/** An object of options, all of them optional, and no others. */
function options<Properties extends Record<string, TSchema>>(
  properties: Properties,
  description: string,
) {
  return Type.Partial(Type.Object(properties, closed), { ...closed, description })
}

/** `expected` is for the error: the value must be … */
function code<Value>(expected: string, isOne: (value: unknown) => boolean, description: string) {
  const schema = Type.Unsafe<Value>({ description, expected })
  return Type.Refine(
    schema,
    (value: unknown) => isOne(value),
    () => expected,
  )
}

const text = (description: string) => Type.String({ minLength: 1, description })
/** Relative ones are from the config file's folder. */
const path = (description: string) => Type.String({ minLength: 1, description, isPath: true })
const paths = (description: string) => Type.Array(path(''), { description })
const names = (description: string) => Type.Array(text(''), { description })
const whole = (minimum: number, maximum: number, description: string) =>
  Type.Integer({ minimum, maximum, description })
const atLeastOne = (description: string) => whole(1, Number.MAX_SAFE_INTEGER, description)
/** What a timer can wait for. */
const milliseconds = (description: string) => whole(0, 2 ** 31 - 1, description)
const oneOf = <const Value extends string>(values: readonly Value[], description: string) =>
  Type.Unsafe<Value>({ type: 'string', enum: values, description })

const isFunction = (value: unknown): boolean => typeof value === 'function'
const isList = (value: unknown): boolean => Array.isArray(value)
const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null

const scopes = (description: string) => Type.Array(oneOf(scopeNames, ''), { description })

const token = Type.Object(
  {
    name: Type.Optional(text('for people; it is in the log when the token is refused something')),
    hash: Type.String({
      pattern: hashPattern.source,
      description: '`sha256:` and the hash in hex, from `signalbox token`',
      expected: 'sha256: and 64 hex digits: make one with "signalbox token"',
    }),
    scopes: Type.Optional(scopes('of `read`, `signal`, `start`, `admin`')),
    namespaces: Type.Optional(
      Type.Union([names(''), Type.Record(Type.String(), scopes(''))], {
        description:
          'a list of namespaces (default: all), or a record with the scopes of each in place of `scopes`',
        expected: 'a list of namespaces, or an object of namespaces with a list of scopes each',
      }),
    ),
  },
  closed,
)

const retention = (description: string) =>
  Type.Unsafe<RetentionTime>(
    Type.Union([whole(1_000, Number.MAX_SAFE_INTEGER, ''), text('')], {
      description,
      expected: "a time such as '30 days', milliseconds from 1,000 on, or 'forever'",
    }),
  )

/** What a namespace may have of its own. */
const namespaceSettings = options(
  {
    requestsPerSecond: atLeastOne('in place of `limits.requestsPerSecond`'),
    retention: retention('in place of `retention`'),
  },
  'settings of a namespace',
)

const tls = Type.Object(
  {
    cert: path("the server's certificate and those between it and the root, in PEM"),
    key: path("the certificate's private key, in PEM"),
    passphrase: Type.Optional(
      text('of an encrypted key; give it in a `.ts` file, from the environment'),
    ),
    ca: Type.Optional(path("who signs clients' certificates, in PEM; for `requestClientCert`")),
    requestClientCert: Type.Optional(
      Type.Boolean({
        description: 'mutual TLS: refuse clients without a certificate that `ca` has signed',
      }),
    ),
    minVersion: Type.Optional(
      oneOf(['TLSv1.2', 'TLSv1.3'], 'the oldest version that is spoken: `TLSv1.2` or `TLSv1.3`'),
    ),
  },
  { ...closed, description: 'serve HTTPS' },
)

type AnyLimit = Record<keyof (Limits & ServerLimits), ReturnType<typeof limit>>
const limit = () =>
  Type.Number({ exclusiveMinimum: 0, description: '', expected: 'a number above 0' })
const limits = Object.fromEntries(
  [...Object.keys(defaultLimits(1)), ...Object.keys(defaultServerLimits)].map((name) => [
    name,
    limit(),
  ]),
) as AnyLimit

/**
 * All that a config file may have. `description` is what docs/configuration.md says; `isPath` and
 * `expected` are for those who read the file.
 */
export const configSchema = options(
  {
    workflows: path('the `.ts` or `.js` file whose exported functions are the workflows; required'),
    activities: path('the file whose exported functions are the activities'),
    activityThreads: whole(
      1,
      256,
      'run activities in so many threads of their own, not on the main one',
    ),
    dataDir: path('the folder of the journal; made if it is missing; required'),
    backupDir: path(
      'where `POST /api/v1/backups` makes its folders; without it there is no such route',
    ),
    retention: retention("how long closed workflows are kept, such as `'30 days'`"),
    slots: whole(1, 256, 'worker threads for workflows'),
    taskQueue: text('the task queue that is recorded for workflows started without one'),
    host: text('the address to listen on'),
    port: whole(0, 65_535, 'the port to listen on; 0 chooses a free one'),
    prefix: Type.String({
      pattern: '^/.*[^/]$',
      description: 'before the path of every route but health',
      expected: 'a path such as /signals, with a slash at its beginning alone',
    }),
    allowedHosts: names('host names, without port, that requests may be for'),
    logLevel: oneOf(
      logLevels,
      'what is logged: `fatal`, `error`, `warn`, `info`, `debug`, `silent`',
    ),
    tokens: Type.Array(token, { description: 'who may do what' }),
    authenticate: code<Authenticate>(
      'a function (token, request) => grant, in a .ts or .js file',
      isFunction,
      'asked about tokens that are none of `tokens`, such as JWTs',
    ),
    namespaces: Type.Record(Type.String(), namespaceSettings, {
      description: 'settings of namespaces, by name',
    }),
    limits: options(
      limits,
      'any of the limits of the [engine](guarantees.md#limits) and of [HTTP](http-api.md#limits)',
    ),
    tls,
    metrics: options(
      {
        enabled: Type.Boolean({
          description: 'whether metrics are collected and served as `GET /metrics`',
        }),
        port: whole(
          0,
          65_535,
          'serve them there, without a token, and not with the API; 0 chooses a free one',
        ),
        host: text('the address for `metrics.port`'),
        processMetrics: Type.Boolean({
          description: 'whether those of the process are among them: CPU, memory, event loop',
        }),
      },
      'see [operations](operations.md#monitoring)',
    ),
    drainDelayMs: milliseconds(
      'how long a server that was told to stop goes on serving while `/readyz` says `draining`',
    ),
    drainTimeoutMs: milliseconds('how long it then waits for requests in hand'),
    sharedModules: names('large packages of workflow code that are evaluated once for all runs'),
    workflowFailureErrorTypes: Type.Record(Type.String(), names(''), {
      description:
        'names of error classes that fail a workflow, by workflow type, `*` for all types',
    }),
    dataConverter: options(
      {
        payloadConverterPath: path('the file that exports `payloadConverter`'),
        failureConverterPath: path('the file that exports `failureConverter`'),
        payloadCodecs: code<Codecs>(
          'a list of codecs, in a .ts or .js file',
          isList,
          'codecs of what rests in the journal',
        ),
      },
      'see [converters](converters.md)',
    ),
    interceptors: options(
      {
        workflowModules: paths('files that export `interceptors`, bundled with the workflows'),
        activity: code<NonNullable<Interceptors['activity']>>(
          'a list of functions, in a .ts or .js file',
          isList,
          'factories of interceptors around activities',
        ),
        activityModules: paths(
          'files that export `interceptors`, around activities in threads of their own',
        ),
        client: code<NonNullable<Interceptors['client']>>(
          'a list of interceptors, in a .ts or .js file',
          isList,
          'interceptors around what activities do with `getClient()`',
        ),
      },
      'see [interceptors](interceptors.md)',
    ),
    sinks: code<NonNullable<RuntimeOptions['sinks']>>(
      'an object of objects of functions, in a .ts or .js file',
      isObject,
      'functions of the host that workflows call by `proxySinks`',
    ),
  },
  'options of signalbox serve',
)

/** What `signalbox.config.ts` exports by default, and `signalbox.config.json` has. */
export type ServeConfig = Static<typeof configSchema>

/** The configuration as it is: for the types of an editor. */
export function defineConfig(config: ServeConfig): ServeConfig {
  return config
}

/** The part of the limits that the server has; the others are the engine's. */
export function isServerLimit(name: string): name is keyof ServerLimits {
  return Object.hasOwn(defaultServerLimits, name)
}
