/**
 * Visits every state that a model can reach, breadth first, and says whether one of them breaks a promise.
 *
 * Invariants: a state is visited once; the first violation is one of the shortest. A verdict of "holds" means that no
 * state is left; a search that was cut short says so, and never that the model holds.
 */
import { keysOf } from './keys.ts'

/** Tells of a move by its name, with the state that it leads to. */
export type Visit<State> = (move: string, next: State) => void

export interface Model<State> {
  start: State
  /** Every move that is possible in a state. States are never changed, but made anew. */
  moves(state: State, visit: Visit<State>): void
  /** The promise that this state breaks. */
  broken(state: State): string | undefined
  /** Writes what tells a state from others, always in the same number of bytes, which it returns. */
  key(state: State, bytes: Uint8Array): number
}

export interface Verdict {
  outcome: 'holds' | 'violation' | 'cut short'
  states: number
  /** The promise that was broken, and the moves that led there. */
  broken?: string
  trace?: readonly string[]
}

export interface Bounds {
  statesMax?: number
  /** Told now and then how many states were seen. */
  progress?: (states: number) => void
}

const progressStates = 100_000
const keyBytesMax = 256

export function check<State>(
  model: Model<State>,
  { statesMax = 20_000_000, progress }: Bounds = {},
): Verdict {
  const bytes = new Uint8Array(keyBytesMax)
  const seen = keysOf(model.key(model.start, bytes))
  seen.add(bytes)
  const queue = queueOf(model.start)
  const trail = trailOf()

  /** Visits what a state leads to, up to the first violation. */
  const follow = (at: number): Verdict | undefined => {
    let found: Verdict | undefined
    model.moves(queue.take(), (move, next) => {
      if (found !== undefined) return
      const broken = model.broken(next)
      if (broken !== undefined) {
        found = { outcome: 'violation', states: seen.size(), broken, trace: [...trail.to(at), move] }
        return
      }
      model.key(next, bytes)
      const index = seen.add(bytes)
      if (index < 0) return
      trail.add(at, move)
      queue.add(next)
      if (index % progressStates === 0) progress?.(index)
    })
    return found
  }

  for (let at = 0; at < seen.size(); at++) {
    const found = follow(at)
    if (found !== undefined) return found
    if (seen.size() > statesMax) return { outcome: 'cut short', states: seen.size() }
  }
  return { outcome: 'holds', states: seen.size() }
}

/** First in, first out. What was taken is let go of, a block at a time. */
function queueOf<State>(first: State) {
  const blockSize = 4096
  let reading: State[] = [first]
  const waiting: State[][] = []
  let read = 0
  let last = reading
  return {
    add(state: State): void {
      if (last.length >= blockSize) {
        last = []
        waiting.push(last)
      }
      last.push(state)
    },
    take(): State {
      if (read === reading.length) {
        reading = waiting.shift() as State[]
        read = 0
      }
      return reading[read++] as State
    },
  }
}

/** state -> the state that it was first reached from, and the move that led there, by the order of their coming. */
function trailOf() {
  const names: string[] = []
  const numbers = new Map<string, number>()
  let origins = new Int32Array(65_536)
  let moves = new Uint16Array(65_536)
  let count = 1
  const numberOf = (move: string): number => {
    const known = numbers.get(move)
    if (known !== undefined) return known
    numbers.set(move, names.length)
    return names.push(move) - 1
  }
  return {
    add(origin: number, move: string): void {
      if (count === origins.length) {
        const [held, named] = [origins, moves]
        origins = new Int32Array(count * 2)
        origins.set(held)
        moves = new Uint16Array(count * 2)
        moves.set(named)
      }
      origins[count] = origin
      moves[count++] = numberOf(move)
    },
    to(state: number): string[] {
      const trace: string[] = []
      for (let at = state; at > 0; at = origins[at] as number)
        trace.push(names[moves[at] as number] as string)
      return trace.reverse()
    },
  }
}
