import { SignalboxError } from './errors.ts'
import { timeOf } from './visibility-attribute.ts'
import {
  type AnyField,
  type ComparisonOperator,
  customField,
  statusNames,
  typeOfField,
  type VisibilityExpression,
  type VisibilityField,
  visibilityFields,
  type VisibilityQuery,
  type VisibilityValue,
} from './visibility-query.ts'
import { readVisibilityTokens, visibilityError, type VisibilityToken } from './visibility-tokens.ts'

const MAX_QUERY_LENGTH = 16 * 1024
const MAX_NESTING = 50
const MAX_VALUES = 1_000

const statusByName = new Map<string, string>()
for (const name of Object.values(statusNames)) statusByName.set(statusKey(name), name)

/** Fields that Temporal has and this version does not. */
const OTHER_FIELDS = new Set([
  'BatcherUser',
  'BinaryChecksums',
  'BuildIds',
  'ExecutionDuration',
  'HistoryLength',
  'HistorySizeBytes',
  'StateTransitionCount',
])

/**
 * A list filter as a tree. The grammar is Temporal's: comparisons, IN, STARTS_WITH, BETWEEN, IS NULL,
 * with NOT, AND, OR and parentheses; AND binds closer than OR.
 *
 * @throws SignalboxError SIGNALBOX_ERR_INVALID_ARGUMENT naming the place and what was expected there
 */
export function parseVisibilityText(query: string): VisibilityQuery {
  if (query.length > MAX_QUERY_LENGTH) {
    throw new SignalboxError(
      'SIGNALBOX_ERR_INVALID_ARGUMENT',
      `invalid query: it has ${query.length} characters, and ${MAX_QUERY_LENGTH} are allowed`,
      { fields: { field: 'query' } },
    )
  }
  return new VisibilityParser(readVisibilityTokens(query)).parse()
}

class VisibilityParser {
  readonly #tokens: readonly VisibilityToken[]
  #index = 0
  #nesting = 0

  constructor(tokens: readonly VisibilityToken[]) {
    this.#tokens = tokens
  }

  parse(): VisibilityQuery {
    const isEmpty = this.#token.kind === 'end' || this.#isWord('GROUP') || this.#isWord('ORDER')
    const where = isEmpty ? undefined : this.#or()
    const groupBy = this.#takeWord('GROUP') ? this.#group() : undefined
    const { kind, at } = this.#token
    if (this.#isWord('ORDER')) {
      throw visibilityError('ORDER BY is not supported: runs are listed newest first', at)
    }
    if (kind !== 'end') throw this.#expected('AND, OR or the end')
    return {
      ...(where === undefined ? {} : { where }),
      ...(groupBy === undefined ? {} : { groupBy }),
    }
  }

  #group(): 'ExecutionStatus' {
    if (!this.#takeWord('BY')) throw this.#expected('BY')
    if (this.#token.text !== 'ExecutionStatus' || this.#token.kind !== 'word') {
      throw this.#expected('ExecutionStatus, the one field to group by,')
    }
    this.#index++
    return 'ExecutionStatus'
  }

  #or(): VisibilityExpression {
    return this.#chain('or', () => this.#chain('and', () => this.#not()))
  }

  #chain(kind: 'and' | 'or', operand: () => VisibilityExpression): VisibilityExpression {
    const first = operand()
    const operands = [first]
    while (this.#takeWord(kind.toUpperCase())) operands.push(operand())
    return operands.length === 1 ? first : { kind, operands }
  }

  #not(): VisibilityExpression {
    // Counted here, through which every way deeper leads: the parser's own stack is bounded.
    const { at } = this.#token
    if (++this.#nesting > MAX_NESTING) throw visibilityError('nested too deeply', at)
    const expression = this.#takeWord('NOT')
      ? ({ kind: 'not', operand: this.#not() } as const)
      : this.#primary()
    this.#nesting--
    return expression
  }

  #primary(): VisibilityExpression {
    if (!this.#takeSymbol('(')) return this.#predicate()
    const expression = this.#or()
    if (!this.#takeSymbol(')')) throw this.#expected('AND, OR or ")"')
    return expression
  }

  #predicate(): VisibilityExpression {
    const field = this.#field()
    const type = typeOfField(field)
    if (this.#takeWord('IS')) {
      const negated = this.#takeWord('NOT')
      if (!this.#takeWord('NULL')) throw this.#expected(negated ? 'NULL' : 'NULL or NOT NULL')
      return { kind: 'isNull', field, negated }
    }
    const negated = this.#takeWord('NOT')
    if (this.#takeWord('IN')) return { kind: 'in', field, negated, values: this.#values(field) }
    if (this.#takeWord('BETWEEN')) {
      const low = this.#value(field)
      if (!this.#takeWord('AND')) throw this.#expected('AND')
      return { kind: 'between', field, negated, low, high: this.#value(field) }
    }
    const { at } = this.#token
    if (this.#takeWord('STARTS_WITH')) {
      if (type !== 'keyword' && type !== 'custom')
        throw visibilityError(`STARTS_WITH does not apply to ${field}`, at)
      return { kind: 'startsWith', field, negated, prefix: this.#text() }
    }
    if (negated) throw this.#expected('IN, BETWEEN or STARTS_WITH')
    return { kind: 'compare', field, operator: this.#operator(field), value: this.#value(field) }
  }

  #field(): AnyField {
    const { kind, text, at, isQuoted } = this.#token
    const isName = kind === 'word' && text !== '' && (isQuoted === true || !RESERVED.test(text))
    if (!isName) throw this.#expected('a field, NOT or "("')
    if (OTHER_FIELDS.has(text)) {
      const names = Object.keys(visibilityFields).join(', ')
      throw visibilityError(
        `the field ${text} is not part of this version, expected one of ${names} or a search attribute`,
        at,
      )
    }
    this.#index++
    return isField(text) ? text : customField(text)
  }

  #operator(field: AnyField): ComparisonOperator {
    const { kind, text, at } = this.#token
    const operator = text === '<>' ? '!=' : text
    if (kind !== 'symbol' || !isOperator(operator)) {
      throw this.#expected('=, !=, <, >, <=, >=, IN, BETWEEN, STARTS_WITH or IS')
    }
    if (typeOfField(field) === 'status' && operator !== '=' && operator !== '!=') {
      throw visibilityError(`${operator} does not apply to ${field}`, at)
    }
    this.#index++
    return operator
  }

  #values(field: AnyField): VisibilityValue[] {
    if (!this.#takeSymbol('(')) throw this.#expected('"("')
    const values = [this.#value(field)]
    while (this.#takeSymbol(',')) {
      if (values.length === MAX_VALUES) throw visibilityError('too many values', this.#token.at)
      values.push(this.#value(field))
    }
    if (!this.#takeSymbol(')')) throw this.#expected('"," or ")"')
    return values
  }

  #value(field: AnyField): VisibilityValue {
    const { at } = this.#token
    switch (typeOfField(field)) {
      case 'time':
        return this.#time()
      case 'status': {
        const text = this.#text()
        const status = statusByName.get(statusKey(text))
        if (status !== undefined) return status
        const names = Object.values(statusNames).join(', ')
        throw visibilityError(`unknown status ${quoted(text)}, expected one of ${names}`, at)
      }
      case 'custom':
        return this.#literal()
      default:
        return this.#text()
    }
  }

  /** A value of a search attribute, whose type only the runs know. */
  #literal(): VisibilityValue {
    const { kind, text, isQuoted } = this.#token
    if (kind === 'number') {
      this.#index++
      return Number(text)
    }
    const isFlag = kind === 'word' && isQuoted !== true && /^(true|false)$/i.test(text)
    if (!isFlag && kind !== 'text')
      throw this.#expected('a text in quotes, a number, true or false')
    this.#index++
    return isFlag ? text.toLowerCase() === 'true' : text
  }

  #text(): string {
    const { kind, text } = this.#token
    if (kind !== 'text') throw this.#expected('a text in quotes')
    this.#index++
    return text
  }

  #time(): number {
    const { kind, text, at } = this.#token
    if (kind !== 'text') throw this.#expected('a time in quotes')
    this.#index++
    const time = timeOf(text)
    if (time !== undefined) return time
    throw visibilityError(
      `${quoted(text)} is no time, expected one like "2026-01-31T12:00:00Z"`,
      at,
    )
  }

  get #token(): VisibilityToken {
    const token = this.#tokens[this.#index]
    if (token === undefined) throw new RangeError('read past the end of the query')
    return token
  }

  #isWord(word: string): boolean {
    const { kind, text, isQuoted } = this.#token
    return kind === 'word' && isQuoted !== true && text.toUpperCase() === word
  }

  #takeWord(word: string): boolean {
    const found = this.#isWord(word)
    if (found) this.#index++
    return found
  }

  #takeSymbol(symbol: string): boolean {
    const { kind, text } = this.#token
    const found = kind === 'symbol' && text === symbol
    if (found) this.#index++
    return found
  }

  #expected(what: string): SignalboxError {
    const { kind, text, at } = this.#token
    const found = kind === 'end' ? 'the end' : quoted(text)
    return visibilityError(`expected ${what} and found ${found}`, at)
  }
}

/** Words that no field has for its name, unless it stands between backticks. */
const RESERVED = /^(?:AND|OR|NOT|IN|IS|NULL|BETWEEN|STARTS_WITH|GROUP|ORDER|BY|TRUE|FALSE)$/i

function isField(name: string): name is VisibilityField {
  return Object.hasOwn(visibilityFields, name)
}

function isOperator(text: string): text is ComparisonOperator {
  return ['=', '!=', '<', '>', '<=', '>='].includes(text)
}

/** A piece of the query for a message, which stays short however long the piece is. */
function quoted(text: string): string {
  return `"${text.length <= 60 ? text : `${text.slice(0, 60)}…`}"`
}

/** Statuses are known as `TimedOut` and as `TIMED_OUT`. */
function statusKey(name: string): string {
  return name.replaceAll('_', '').toLowerCase()
}
