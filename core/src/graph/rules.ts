/**
 * Rules: dependencies by pattern. `thumb:{album}/{photo}` depends on `file:/photos/{album}/{photo}`, for
 * every album and photo, whether or not anybody has named them before.
 *
 * A step leads from a name to its dependents: the name is read by the one pattern and written by the other.
 * If the other has a variable that is not known then, the step leads to a prefix, the text up to it: more
 * than depends on the name, never less.
 *
 * Invariants: a name is compared only with the patterns whose literal head it begins with; without rules
 * nothing is done at all; adding a rule twice is adding it once.
 */
import { StaleproofError } from '../model/errors.ts'
import { headOf, parsePattern, readName, type Pattern } from './pattern.ts'
import { nothing, type Targets } from './targets.ts'

export interface Rule {
  /** Pattern of the names that depend; begins with text. */
  readonly dependent: string
  /** Patterns of what they depend on. */
  readonly dependsOn: readonly string[]
}

/** One way from a pattern to another. */
interface Step {
  readonly from: Pattern
  readonly to: Pattern
  /** For each variable of `to`: which one of `from` has its value; -1: none. */
  readonly picks: readonly number[]
}

interface Compiled {
  readonly rule: Rule
  readonly forward: readonly Step[]
  readonly backward: readonly Step[]
}

export class Rules {
  readonly #compiled = new Map<string, Compiled>()
  /** Literal head -> the steps from patterns that begin with it. */
  readonly #forward = new Map<string, Step[]>()
  /** The lengths of those heads, each once. */
  #headLengths: number[] = []

  get size(): number {
    return this.#compiled.size
  }

  /** @returns false if it was there. @throws E_GRAPH_RULE_INVALID */
  add(rule: Rule): boolean {
    const identity = identityOf(rule)
    if (this.#compiled.has(identity)) return false
    const compiled = compile(rule)
    this.#compiled.set(identity, compiled)
    for (const step of compiled.forward) {
      const head = headOf(step.from)
      const steps = this.#forward.get(head)
      if (steps === undefined) this.#forward.set(head, [step])
      else steps.push(step)
    }
    this.#measureHeads()
    return true
  }

  /** @returns false if it was not there */
  remove(rule: Rule): boolean {
    const identity = identityOf(rule)
    const compiled = this.#compiled.get(identity)
    if (compiled === undefined) return false
    this.#compiled.delete(identity)
    for (const step of compiled.forward) {
      const head = headOf(step.from)
      const others = (this.#forward.get(head) as Step[]).filter((other) => other !== step)
      if (others.length > 0) this.#forward.set(head, others)
      else this.#forward.delete(head)
    }
    this.#measureHeads()
    return true
  }

  has(rule: Rule): boolean {
    return this.#compiled.has(identityOf(rule))
  }

  /** In the order they were added. */
  list(): Rule[] {
    return [...this.#compiled.values()].map(({ rule }) => rule)
  }

  /** Does anything depend on this name? */
  matches(name: string): boolean {
    return this.#stepsFrom(name).some(({ from }) => readName(from, name) !== undefined)
  }

  /** One step from a name. `widen`: lead to prefixes only (see `areRunaway`). */
  dependentsOf(name: string, widen = false): Targets {
    const steps = this.#stepsFrom(name)
    return steps.length === 0 ? nothing : follow(steps, name, widen)
  }

  /** One step from all names that begin with `prefix`. */
  dependentsOfPrefix(prefix: string): Targets {
    if (this.size === 0) return nothing
    const steps = [...this.#forward.values()].flat().filter(({ from }) => mayBegin(from, prefix))
    return sort(steps.map(({ to }) => write(to, [])))
  }

  /** One step back: what a name depends on by rules. */
  dependenciesOf(name: string): Targets {
    const steps = [...this.#compiled.values()].flatMap(({ backward }) => backward)
    return follow(steps, name, false)
  }

  /** Could a step lead to this name, or to a prefix of it? Told by the literal head, so rather yes. */
  mayWrite(name: string): boolean {
    for (const { forward } of this.#compiled.values()) {
      if (forward.some(({ to }) => name.startsWith(headOf(to)))) return true
    }
    return false
  }

  #stepsFrom(name: string): Step[] {
    let found: Step[] | undefined
    for (const length of this.#headLengths) {
      if (length > name.length) break
      const steps = this.#forward.get(name.slice(0, length))
      if (steps !== undefined) found = found === undefined ? steps : found.concat(steps)
    }
    return found ?? noSteps
  }

  #measureHeads(): void {
    const lengths = new Set([...this.#forward.keys()].map((head) => head.length))
    this.#headLengths = [...lengths].sort((a, b) => a - b)
  }
}

const noSteps: Step[] = []

const madeMax = 1000
const madePerName = 32

/**
 * Have rules made so many names that they seem to feed each other, longer and longer ones
 * (`a:{x*}/1` depends on `a:{x*}`)? From then on they are to lead to prefixes, which cover what they would
 * have made and are finite in number (widening: Cousot & Cousot, POPL 1977).
 */
export function areRunaway(made: number, others: number): boolean {
  return made > madeMax + madePerName * others
}

function identityOf({ dependent, dependsOn }: Rule): string {
  return JSON.stringify([dependent, ...[...new Set(dependsOn)].sort()])
}

/** Before a rule is made known to others. @throws E_GRAPH_RULE_INVALID */
export function checkRule(rule: Rule): void {
  compile(rule)
}

function compile({ dependent, dependsOn }: Rule): Compiled {
  const to = parsePattern(dependent)
  const sources = [...new Set(dependsOn)].map(parsePattern)
  if (headOf(to) === '') {
    const message = `the pattern '${dependent}' cannot be that of a dependent, column 1: begin it with text, such as 'thumb:'`
    throw new StaleproofError('E_GRAPH_RULE_INVALID', message, { details: { pattern: dependent, column: 1 } })
  }
  if (sources.length === 0) {
    const message = `the rule for '${dependent}' depends on nothing; give at least one pattern in dependsOn`
    throw new StaleproofError('E_GRAPH_RULE_INVALID', message, { details: { pattern: dependent, column: 1 } })
  }
  return {
    rule: { dependent, dependsOn: sources.map(({ text }) => text) },
    forward: sources.map((from) => stepBetween(from, to)),
    backward: sources.map((from) => stepBetween(to, from)),
  }
}

function stepBetween(from: Pattern, to: Pattern): Step {
  const picks = to.variables.map(({ name }) => from.variables.findIndex((other) => other.name === name))
  return { from, to, picks }
}

function follow(steps: readonly Step[], name: string, widen: boolean): Targets {
  const written: Written[] = []
  for (const { from, to, picks } of steps) {
    const values = readName(from, name)
    if (values !== undefined) written.push(write(to, widen ? [] : picks.map((pick) => values[pick])))
  }
  return sort(written)
}

interface Written {
  readonly text: string
  /** True if a value was missing: the text is where all such names begin. */
  readonly isPrefix: boolean
}

function write({ literals, variables }: Pattern, values: readonly (string | undefined)[]): Written {
  let text = literals[0] as string
  for (let i = 0; i < variables.length; i++) {
    const value = values[i]
    if (value === undefined) return { text, isPrefix: true }
    text += value + (literals[i + 1] as string)
  }
  return { text, isPrefix: false }
}

function sort(written: readonly Written[]): Targets {
  const names = new Set<string>()
  const prefixes = new Set<string>()
  for (const { text, isPrefix } of written) (isPrefix ? prefixes : names).add(text)
  return { names: [...names], prefixes: [...prefixes] }
}

/** Could a name that begins with `prefix` be of this pattern? Decided by the literal head, so rather yes. */
function mayBegin(pattern: Pattern, prefix: string): boolean {
  const head = headOf(pattern)
  return head.startsWith(prefix) || (pattern.variables.length > 0 && prefix.startsWith(head))
}
