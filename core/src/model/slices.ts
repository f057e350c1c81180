/**
 * Slices: work that may be long, done so that everything else has its turn in between.
 *
 * Invariant: between two turns of the event loop lies no more than a slice and a stride.
 */
import type { Clock } from './clock.ts'

/** Items between two looks at the clock. */
const stride = 32
/** Longest time that the event loop is kept. */
const sliceMs = 1

/** Does `each` for all items; they may be found while it goes on. The first stride is done at once. */
export async function inSlices<T>(clock: Clock, items: Iterable<T>, each: (item: T) => void): Promise<void> {
  // The first slice is one stride: who asks for this has kept the event loop with other work already.
  let until = clock.now()
  let done = 0
  for (const item of items) {
    each(item)
    if (++done % stride !== 0 || clock.now() < until) continue
    await clock.turn()
    until = clock.now() + sliceMs
  }
}
