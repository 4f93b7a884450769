import { filePath } from './file-path.ts'
import { unknownOption } from './nearest-name.ts'
import type { PayloadCodec } from './payload-codec.ts'
import { invalidOption } from './runtime-option-check.ts'

/** Temporal's `DataConverter`. */
export interface DataConverterOptions {
  /** Encode what rests in the journal, in this order; decoded in the opposite one. Default: none. */
  readonly payloadCodecs?: readonly PayloadCodec[]
  /**
   * The file whose export `payloadConverter` turns values into payloads: it is bundled with the workflow
   * code, and loaded by the host for clients and activities. Default: undefined, bytes and JSON.
   */
  readonly payloadConverterPath?: string | URL
  /** The file whose export `failureConverter` turns errors into failures and back. */
  readonly failureConverterPath?: string | URL
}

/** @throws SIGNALBOX_ERR_INVALID_OPTION */
export function resolveDataConverter(options: DataConverterOptions): DataConverterOptions {
  for (const name of Object.keys(options)) {
    if (!NAMES.has(name)) {
      throw invalidOption(`dataConverter.${name}`, unknownOption(name, [...NAMES]))
    }
  }
  const { payloadCodecs } = options
  for (const [index, codec] of (payloadCodecs ?? []).entries()) {
    if (typeof codec?.encode !== 'function' || typeof codec.decode !== 'function') {
      throw invalidOption(`dataConverter.payloadCodecs[${index}]`, 'must have encode and decode')
    }
  }
  return {
    ...(payloadCodecs === undefined || payloadCodecs.length === 0 ? {} : { payloadCodecs }),
    ...pathOf(options, 'payloadConverterPath'),
    ...pathOf(options, 'failureConverterPath'),
  }
}

const NAMES: ReadonlySet<string> = new Set([
  'payloadCodecs',
  'payloadConverterPath',
  'failureConverterPath',
])

function pathOf<K extends 'payloadConverterPath' | 'failureConverterPath'>(
  options: DataConverterOptions,
  name: K,
): { readonly [P in K]?: string } {
  const path: string | URL | undefined = options[name]
  if (path === undefined) return {}
  return { [name]: filePath(path) } as { readonly [P in K]?: string }
}
