/**
 * Two small models of one node whose log lags: an entry `outer` that is made from a cached entry `inner`, which is made
 * from a row (N1, N2); and an entry whose dependency is declared only after its source was read (N3).
 *
 * Promise: once the node has applied the whole log, nothing that it holds differs from the source.
 */
import type { Model, Visit } from './checker.ts'

export interface InputRules {
  /** N1: a stamp is never newer than those of the cached inputs. */
  stampIsLeastOfInputs: boolean
  /** N2: an entry has the dependencies of its cached inputs as its own. */
  inputsHandOnDependencies: boolean
  /** N3: what is declared after it was read counts from the start of the load. */
  lateDependencyCountsFromStart: boolean
}

export const allInputRules: InputRules = {
  stampIsLeastOfInputs: true,
  inputsHandOnDependencies: true,
  lateDependencyCountsFromStart: true,
}

interface Made {
  readonly version: number
  readonly stamp: number
}

interface Shared {
  readonly truth: number
  /** The source has changed, and its record is not yet in the log. */
  readonly isWriting: boolean
  readonly writes: number
  readonly tail: number
  readonly applied: number
}

const quiet: Shared = { truth: 0, isWriting: false, writes: 2, tail: 0, applied: 0 }

export interface Nested extends Shared {
  readonly inner: Made | undefined
  readonly outer: Made | undefined
  /** The position at which a load of `outer` began: a token of the tail, which the node has perhaps not applied. */
  readonly began: number | undefined
  /** What that load has got from the cache. */
  readonly input: Made | undefined
}

export function nested(rules: InputRules): Model<Nested> {
  return {
    start: { ...quiet, inner: undefined, outer: undefined, began: undefined, input: undefined },
    moves(state, visit) {
      sourceMoves(state, visit)
      if (state.applied < state.tail)
        visit(`node: applies record ${state.applied + 1}`, nestedApplied(state, rules))
      nestedMoves(state, rules, visit)
    },
    broken: ({ outer, began, ...state }) =>
      began === undefined ? differs(state, { outer, inner: state.inner }) : undefined,
    key: flatKey(({ inner, outer, began, input, ...shared }) => [
      ...sharedNumbers(shared),
      ...madeNumbers(inner),
      ...madeNumbers(outer),
      (began ?? -1) + 1,
      ...madeNumbers(input),
    ]),
  }
}

function nestedApplied(state: Nested, { inputsHandOnDependencies }: InputRules): Nested {
  const applied = state.applied + 1
  const isEnded = (made: Made | undefined) => made !== undefined && made.stamp < applied
  const ended = isEnded(state.inner)
  // Without the row among its own dependencies, `outer` goes only with the `inner` that it was made from.
  const outerEnds = isEnded(state.outer) && (inputsHandOnDependencies || ended)
  return {
    ...state,
    applied,
    inner: ended ? undefined : state.inner,
    outer: outerEnds ? undefined : state.outer,
  }
}

function nestedMoves(state: Nested, rules: InputRules, visit: Visit<Nested>): void {
  const { inner, outer, began, input, applied, truth, tail } = state
  if (inner === undefined)
    visit(`node: loads inner, v${truth} stamped ${applied}`, {
      ...state,
      inner: { version: truth, stamp: applied },
    })
  else visit('node: evicts inner', { ...state, inner: undefined })
  if (outer === undefined && began === undefined)
    visit(`node: begins to load outer, with the token ${tail}`, { ...state, began: tail })
  if (began === undefined) return
  if (input === undefined && inner !== undefined)
    visit(`node: the load of outer reads inner, v${inner.version} stamped ${inner.stamp}`, {
      ...state,
      input: inner,
    })
  if (input === undefined) return
  const stamp = rules.stampIsLeastOfInputs ? Math.min(began, input.stamp) : began
  const isKept = stamp >= applied
  visit(`node: outer is made, v${input.version} stamped ${stamp}${isKept ? '' : ', and not kept'}`, {
    ...state,
    began: undefined,
    input: undefined,
    outer: isKept ? { version: input.version, stamp } : undefined,
  })
}

export interface Late extends Shared {
  readonly entry: Made | undefined
  readonly load:
    | { readonly began: number; readonly version: number; readonly phase: 'begun' | 'read' }
    | undefined
}

export function late(rules: InputRules): Model<Late> {
  return {
    start: { ...quiet, entry: undefined, load: undefined },
    moves(state, visit) {
      sourceMoves(state, visit)
      const { applied, tail, entry } = state
      if (applied < tail) {
        const isEnded = entry !== undefined && entry.stamp < applied + 1
        visit(`node: applies record ${applied + 1}`, {
          ...state,
          applied: applied + 1,
          entry: isEnded ? undefined : entry,
        })
      }
      lateMoves(state, rules, visit)
    },
    broken: (state) => differs(state, { entry: state.entry }),
    key: flatKey(({ entry, load, ...shared }) => [
      ...sharedNumbers(shared),
      ...madeNumbers(entry),
      load === undefined ? 0 : 1 + load.began,
      load === undefined ? 0 : 1 + load.version + (load.phase === 'read' ? 16 : 0),
    ]),
  }
}

function lateMoves(state: Late, rules: InputRules, visit: Visit<Late>): void {
  const { load, entry, applied, truth } = state
  if (load === undefined && entry === undefined)
    visit(`node: begins a load at ${applied}`, {
      ...state,
      load: { began: applied, version: 0, phase: 'begun' },
    })
  if (load?.phase === 'begun')
    visit(`node: its load reads v${truth}`, { ...state, load: { ...load, version: truth, phase: 'read' } })
  if (load?.phase !== 'read') return
  const stamp = rules.lateDependencyCountsFromStart ? load.began : applied
  const isKept = stamp >= applied
  visit(`node: its load names what it has read, and gives v${load.version} stamped ${stamp}`, {
    ...state,
    load: undefined,
    entry: isKept ? { version: load.version, stamp } : undefined,
  })
}

function sourceMoves<State extends Shared>(state: State, visit: Visit<State>): void {
  const { writes, isWriting, truth, tail } = state
  if (writes > 0 && !isWriting)
    visit('writer: writes the source', { ...state, writes: writes - 1, truth: truth + 1, isWriting: true })
  if (isWriting) visit('writer: appends its record', { ...state, isWriting: false, tail: tail + 1 })
}

function differs(state: Shared, held: Record<string, Made | undefined>): string | undefined {
  if (state.isWriting || state.applied < state.tail) return undefined
  for (const [name, made] of Object.entries(held))
    if (made !== undefined && made.version !== state.truth)
      return `the log is applied, and ${name} is v${made.version} stamped ${made.stamp}, while the source has v${state.truth}`
  return undefined
}

function sharedNumbers({ truth, isWriting, writes, tail, applied }: Shared): number[] {
  return [truth, Number(isWriting), writes, tail, applied]
}

function madeNumbers(made: Made | undefined): number[] {
  return made === undefined ? [0, 0] : [made.version + 1, made.stamp]
}

function flatKey<State>(numbers: (state: State) => number[]) {
  return (state: State, bytes: Uint8Array): number => {
    const all = numbers(state)
    bytes.set(all)
    return all.length
  }
}
