/**
 * Pattern: the shape of names, literal text with variables: `thumb:{album}/{photo}`, `file:{path*}`.
 *
 * `{v}` stands for one or more characters except '/' and ':'; `{v*}` for one or more of any; `{{` and `}}`
 * for a brace. Where a name can be read in several ways, variables that stand earlier take less:
 * `{a}-{b}` reads `x-y-z` as x and y-z.
 *
 * Invariants: literals and variables alternate, literals first and last; only the first and the last
 * literal may be empty; a variable occurs once.
 */
import { StaleproofError } from '../model/errors.ts'

export interface Pattern {
  readonly text: string
  /** One more than there are variables: a name is literal, value, literal, value ... literal. */
  readonly literals: readonly string[]
  readonly variables: readonly Variable[]
}

export interface Variable {
  readonly name: string
  /** Reaches across '/' and ':'. */
  readonly rest: boolean
}

const token = /\{\{|\}\}|\{[^{}]*\}|[^{}]+|[{}]/g
const variable = /^\{([A-Za-z_]\w*)(\*?)\}$/
const separator = /[/:]/

/** @throws E_GRAPH_RULE_INVALID with the column (from 1) in its message and its details */
export function parsePattern(text: string): Pattern {
  const literals = ['']
  const variables: Variable[] = []
  const fail = failure(text)
  if (text === '') throw fail(0, 'it is empty; write the names it stands for')
  for (const { 0: part, index } of text.matchAll(token)) {
    const literal = literalOf(part)
    if (literal === undefined) {
      variables.push(parseVariable(part, (problem) => fail(index, problem)))
      checkPlace({ literals, variables }, (problem) => fail(index, problem))
      literals.push('')
    } else {
      literals.push((literals.pop() as string) + literal)
    }
  }
  return { text, literals, variables }
}

/** The text that every name of the pattern begins with. */
export function headOf(pattern: Pattern): string {
  return pattern.literals[0] as string
}

/**
 * The values of the variables in a name, in their order; undefined if the name is not of this shape.
 *
 * Each variable takes as little as lets its next literal follow. If a segment variable further on fails, only
 * the last rest variable before it need take more (the argument of matching globs: what was matched up to
 * it ends as early as it can, so that a later end offers nothing new; and a segment variable that takes more
 * to pass one literal could give the difference to its successor). So a name is tried from each of its
 * places once at most: O(length squared * literals), where a backtracking RegExp has a power per variable.
 */
export function readName(pattern: Pattern, name: string): string[] | undefined {
  const { literals, variables } = pattern
  if (!name.startsWith(headOf(pattern))) return undefined
  if (variables.length === 0) return name === pattern.literals[0] ? [] : undefined
  /** Where the values begin and end. */
  const starts = [headOf(pattern).length]
  const ends: number[] = []
  for (let i = 0, from = 1; i < variables.length; ) {
    const end = endOf(pattern, i, { name, start: starts[i] as number, from: (starts[i] as number) + from })
    if (end >= 0) {
      ends[i] = end
      starts[++i] = end + (literals[i] as string).length
      from = 1
      continue
    }
    i = variables[i]?.rest === true ? -1 : lastRest(variables, i)
    if (i < 0) return undefined
    from = (ends[i] as number) - (starts[i] as number) + 1
  }
  return variables.map((_, i) => name.slice(starts[i], ends[i]))
}

interface Span {
  readonly name: string
  /** Where the value begins. */
  readonly start: number
  /** The first place where it may end. */
  readonly from: number
}

/** The first place at or after `from` where the value of a variable can end, or -1. */
function endOf({ literals, variables }: Pattern, i: number, { name, start, from }: Span): number {
  const literal = literals[i + 1] as string
  const isLast = i === variables.length - 1
  const end = isLast ? name.length - literal.length : name.indexOf(literal, from)
  if (end < from || !name.startsWith(literal, end)) return -1
  return variables[i]?.rest === true || !separator.test(name.slice(start, end)) ? end : -1
}

function lastRest(variables: readonly Variable[], before: number): number {
  let i = before - 1
  while (i >= 0 && variables[i]?.rest !== true) i--
  return i
}

function literalOf(part: string): string | undefined {
  if (part === '{{') return '{'
  if (part === '}}') return '}'
  return part.includes('{') || part.includes('}') ? undefined : part
}

function parseVariable(part: string, fail: (problem: string) => StaleproofError): Variable {
  if (part === '{') throw fail("'{' is never closed; close it, or write '{{' for a brace")
  if (part === '}') throw fail("'}' was never opened; open it, or write '}}' for a brace")
  if (part === '{}' || part === '{*}') throw fail('the variable has no name; write {name} or {name*}')
  const [, name, star] = variable.exec(part) ?? []
  if (name === undefined) {
    throw fail(`${part} is no variable; write {name} or {name*}, in letters, digits and '_'`)
  }
  return { name, rest: star === '*' }
}

/** A variable that was just added must be new, and stand apart from the one before. */
function checkPlace(
  { literals, variables }: Pick<Pattern, 'literals' | 'variables'>,
  fail: (problem: string) => StaleproofError,
): void {
  const added = variables.at(-1) as Variable
  if (variables.findIndex(({ name }) => name === added.name) < variables.length - 1) {
    throw fail(`{${added.name}} occurs twice; give the second one a name of its own`)
  }
  if (variables.length > 1 && literals.at(-1) === '') {
    throw fail(`{${added.name}} follows another variable; put text between them`)
  }
}

function failure(pattern: string): (index: number, problem: string) => StaleproofError {
  return (index, problem) => {
    const message = `the pattern '${pattern}' cannot be read, column ${index + 1}: ${problem}`
    return new StaleproofError('E_GRAPH_RULE_INVALID', message, { details: { pattern, column: index + 1 } })
  }
}
