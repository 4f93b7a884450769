/** The types that a search attribute may have, as in Temporal. */
export const SearchAttributeType = {
  TEXT: 'TEXT',
  KEYWORD: 'KEYWORD',
  INT: 'INT',
  DOUBLE: 'DOUBLE',
  BOOL: 'BOOL',
  DATETIME: 'DATETIME',
  KEYWORD_LIST: 'KEYWORD_LIST',
} as const
export type SearchAttributeType = (typeof SearchAttributeType)[keyof typeof SearchAttributeType]

interface ValueByType {
  TEXT: string
  KEYWORD: string
  INT: number
  DOUBLE: number
  BOOL: boolean
  DATETIME: Date
  KEYWORD_LIST: string[]
}

/** Values without a type of their own. Prefer {@link TypedSearchAttributes}. */
export type SearchAttributeValue = string[] | number[] | boolean[] | Date[]
export type SearchAttributes = Record<
  string,
  SearchAttributeValue | Readonly<SearchAttributeValue> | undefined
>

export interface SearchAttributeKey<T extends SearchAttributeType> {
  name: string
  type: T
}

/** A key and its value. */
export type SearchAttributePair = {
  [T in SearchAttributeType]: { key: SearchAttributeKey<T>; value: ValueByType[T] }
}[SearchAttributeType]

/** A key and its new value; null removes it. */
export type SearchAttributeUpdatePair = {
  [T in SearchAttributeType]: { key: SearchAttributeKey<T>; value: ValueByType[T] | null }
}[SearchAttributeType]

/** Name a search attribute and give its type. Usable in workflows and on the host alike. */
export function defineSearchAttributeKey<T extends SearchAttributeType>(
  name: string,
  type: T,
): SearchAttributeKey<T> {
  return { name, type }
}

/** Whether a value is one of its type. */
export function isValidValueForType<T extends SearchAttributeType>(
  type: T,
  value: unknown,
): value is ValueByType[T] {
  switch (type) {
    case 'TEXT':
    case 'KEYWORD':
      return typeof value === 'string'
    case 'INT':
      return Number.isInteger(value)
    case 'DOUBLE':
      return typeof value === 'number'
    case 'BOOL':
      return typeof value === 'boolean'
    case 'DATETIME':
      return value instanceof Date
    case 'KEYWORD_LIST':
      return Array.isArray(value) && value.every((item) => typeof item === 'string')
    default:
      return false
  }
}

interface Entry {
  readonly type: SearchAttributeType
  readonly value: unknown
}

/** Beside the objects, so that those of two copies of this module are of one type. */
const entriesOf = new WeakMap<object, ReadonlyMap<string, Entry>>()

function entries(attributes: object): ReadonlyMap<string, Entry> {
  return entriesOf.get(attributes) ?? new Map()
}

/** Search attributes with their types; unchanging, {@link updateCopy} makes another. */
export class TypedSearchAttributes {
  /** @throws {Error} if a key is there twice */
  constructor(initialAttributes: readonly SearchAttributePair[] = []) {
    const initial = new Map<string, Entry>()
    for (const { key, value } of initialAttributes) {
      if (initial.has(key.name)) throw new Error(`Duplicate search attribute key: ${key.name}`)
      initial.set(key.name, { type: key.type, value })
    }
    entriesOf.set(this, initial)
  }

  /** The value of a key; undefined if there is none or it is not of the key's type. */
  get<T extends SearchAttributeType>(key: SearchAttributeKey<T>): ValueByType[T] | undefined {
    const entry = entries(this).get(key.name)
    if (entry === undefined || !isValidValueForType(key.type, entry.value)) return undefined
    return entry.value
  }

  getAll(): SearchAttributePair[] {
    const pairs: SearchAttributePair[] = []
    for (const [name, { type, value }] of entries(this)) {
      if (!isValidValueForType(type, value)) continue
      pairs.push({ key: { name, type }, value } as SearchAttributePair)
    }
    return pairs
  }

  copy(): TypedSearchAttributes {
    return this.updateCopy([])
  }

  /** A copy with these changes. Null removes a key, if it is there with that type. */
  updateCopy(updates: readonly SearchAttributeUpdatePair[]): TypedSearchAttributes {
    const pairs = new Map(this.getAll().map((pair) => [pair.key.name, copied(pair)] as const))
    for (const { key, value } of updates) {
      if (value === null) {
        if (pairs.get(key.name)?.key.type === key.type) pairs.delete(key.name)
      } else pairs.set(key.name, { key, value } as SearchAttributePair)
    }
    return new TypedSearchAttributes([...pairs.values()])
  }

  toJSON(): SearchAttributePair[] {
    return this.getAll()
  }
}

function copied(pair: SearchAttributePair): SearchAttributePair {
  const { key, value } = pair
  if (value instanceof Date) return { key, value: new Date(value) } as SearchAttributePair
  if (Array.isArray(value)) return { key, value: [...value] } as SearchAttributePair
  return pair
}

/** The name of a type in a payload's metadata. */
export const metadataTypes: Readonly<Record<SearchAttributeType, string>> = {
  TEXT: 'Text',
  KEYWORD: 'Keyword',
  INT: 'Int',
  DOUBLE: 'Double',
  BOOL: 'Bool',
  DATETIME: 'Datetime',
  KEYWORD_LIST: 'KeywordList',
}

const byMetadata = new Map<string, SearchAttributeType>()
for (const type of Object.values(SearchAttributeType)) {
  byMetadata.set(metadataTypes[type], type)
  byMetadata.set(`INDEXED_VALUE_TYPE_${type}`, type)
}

/** The type that a payload's metadata names, if it is one. */
export function typeOfMetadata(name: string): SearchAttributeType | undefined {
  return byMetadata.get(name)
}

/** What type a value without one is taken for, as Temporal's SDK does; undefined if for none. */
export function inferType(value: unknown): SearchAttributeType | undefined {
  const only: unknown = Array.isArray(value) && value.length === 1 ? value[0] : value
  switch (typeof only) {
    case 'string':
      return Number.isNaN(Date.parse(only)) ? 'TEXT' : 'DATETIME'
    case 'number':
      return Number.isInteger(only) ? 'INT' : 'DOUBLE'
    case 'boolean':
      return 'BOOL'
    default:
      if (only instanceof Date) return 'DATETIME'
      return isValidValueForType('KEYWORD_LIST', only) ? 'KEYWORD_LIST' : undefined
  }
}
