/**
 * Order: dependencies first, dependents after, over the positions of a walk.
 *
 * The order of discovery is kept where no edge leads back. Otherwise whatever has no unplaced dependency is
 * placed next (Kahn, CACM 1962). What is left over lies in circles or behind them; its strongly connected
 * components are found by one depth-first search (Tarjan, SIAM J. Comput. 1972):
 *   break     the reverse order in which the search left the positions: an edge that leads back in it led to
 *             a position that was still open, so it closes a circle, and only such edges are left out;
 *   maintain  the members of a component come one after the other, components in topological order.
 *
 * Invariants: each position is placed once; between components every edge leads forward; searches keep their
 * own stack, so that a chain of a million is no deeper a recursion than one of two.
 *
 * Why on demand, and not an order that is maintained with each edge (Pearce & Kelly, JEA 2006): ORDER_FIGURES
 */
import type { Walk } from './walk.ts'

/** break: leave out the edge that closes a circle. maintain: take the members of a circle as one group. */
export type CycleResolution = 'break' | 'maintain'

export interface Order {
  /** Place -> position. */
  readonly positions: Int32Array
  /** Components of more than one position. */
  readonly groups: Int32Array[]
}

type Records = Pick<Walk, 'length' | 'offsets' | 'records' | 'spare'>

export function orderOf(walk: Walk, cycles: CycleResolution): Order {
  if (!walk.leadsBack) return { positions: asDiscovered(walk.length), groups: [] }
  const open = countDependencies(walk)
  const { positions, placed } = placeFree(walk, open)
  if (placed === walk.length) return { positions, groups: [] }
  const search = new ComponentSearch(walk, open)
  search.run()
  positions.set(cycles === 'break' ? search.left.toReversed() : search.grouped(), placed)
  return { positions, groups: search.groups() }
}

function asDiscovered(length: number): Int32Array {
  const positions = new Int32Array(length)
  for (let position = 0; position < length; position++) positions[position] = position
  return positions
}

/** Position -> number of positions that it depends on. */
function countDependencies({ length, offsets, records, spare }: Records): Int32Array {
  const open = spare.length < length ? new Int32Array(length) : spare.subarray(0, length).fill(0)
  const recordsEnd = offsets[length] as number
  for (let at = 0; at < recordsEnd; at++) {
    const end = records[at] as number
    open[end] = (open[end] as number) + 1
  }
  return open
}

/** Places all that depends on no circle (Kahn). What is left has a dependency open still. */
function placeFree({ length, offsets, records }: Records, open: Int32Array) {
  // One more than there are, for what is written and not kept.
  const positions = new Int32Array(length + 1)
  let placed = 0
  for (let position = 0; position < length; position++) {
    if (open[position] === 0) positions[placed++] = position
  }
  for (let place = 0; place < placed; place++) {
    const position = positions[place] as number
    const end = offsets[position + 1] as number
    for (let at = offsets[position] as number; at < end; at++) {
      const dependent = records[at] as number
      const still = (open[dependent] as number) - 1
      open[dependent] = still
      // Written always, kept if nothing is open: a branch here could not be predicted, and costs half as much again.
      positions[placed] = dependent
      placed += (still - 1) >>> 31
    }
  }
  return { positions: positions.subarray(0, length), placed }
}

/** Tarjan's search over the positions that are still open. */
class ComponentSearch {
  /** The positions in the order the search left them. */
  readonly left: Int32Array
  readonly #walk: Records
  readonly #open: Int32Array
  /** Position -> when it was entered, from 1; 0: not yet. */
  readonly #entered: Int32Array
  /** Position -> the earliest entered one of its component that is known to be reachable. */
  readonly #low: Int32Array
  /** Position -> its component, from 1 in the order of completion (dependents first); 0: not complete. */
  readonly #component: Int32Array
  /** Position -> the next of its records to look at. */
  readonly #next: Int32Array
  readonly #path: number[] = []
  /** Entered, component not complete. */
  readonly #pending: number[] = []
  #clock = 0
  #leftCount = 0
  /** Component -> number of members; component 0 is none. */
  readonly #sizes: number[] = [0]

  constructor(walk: Records, open: Int32Array) {
    this.#walk = walk
    this.#open = open
    this.#entered = new Int32Array(walk.length)
    this.#low = new Int32Array(walk.length)
    this.#component = new Int32Array(walk.length)
    this.#next = walk.offsets.slice(0, walk.length)
    this.left = new Int32Array(open.reduce((count, still) => count + (still > 0 ? 1 : 0), 0))
  }

  run(): void {
    for (let root = 0; root < this.#walk.length; root++) {
      if ((this.#open[root] as number) > 0 && this.#entered[root] === 0) this.#searchFrom(root)
    }
  }

  /** Components in topological order, members in the reverse order of leaving. */
  grouped(): Int32Array {
    const ends = [0]
    for (const size of this.#sizes) ends.push((ends.at(-1) as number) + size)
    const grouped = new Int32Array(this.left.length)
    // In the order of leaving, from the back to the front, like the components.
    for (const position of this.left) {
      const component = this.#component[position] as number
      const at = ends[component] as number
      ends[component] = at + 1
      grouped[grouped.length - 1 - at] = position
    }
    return grouped
  }

  groups(): Int32Array[] {
    const grouped = this.grouped()
    const groups: Int32Array[] = []
    let end = grouped.length
    for (const size of this.#sizes) {
      if (size > 1) groups.push(grouped.slice(end - size, end))
      end -= size
    }
    return groups.reverse()
  }

  #searchFrom(root: number): void {
    this.#enter(root)
    while (this.#path.length > 0) {
      const position = this.#path.at(-1) as number
      const at = this.#next[position] as number
      if (at === this.#walk.offsets[position + 1]) {
        this.#leave(position)
        continue
      }
      this.#next[position] = at + 1
      const dependent = this.#walk.records[at] as number
      if (this.#entered[dependent] === 0) this.#enter(dependent)
      else if (this.#component[dependent] === 0) this.#lower(position, this.#entered[dependent] as number)
    }
  }

  #enter(position: number): void {
    this.#entered[position] = this.#low[position] = ++this.#clock
    this.#path.push(position)
    this.#pending.push(position)
  }

  #leave(position: number): void {
    this.#path.pop()
    this.left[this.#leftCount++] = position
    const low = this.#low[position] as number
    const parent = this.#path.at(-1)
    if (parent !== undefined) this.#lower(parent, low)
    if (low === this.#entered[position]) this.#complete(position)
  }

  #complete(root: number): void {
    const component = this.#sizes.length
    let size = 0
    let member: number
    do {
      member = this.#pending.pop() as number
      this.#component[member] = component
      size++
    } while (member !== root)
    this.#sizes.push(size)
  }

  #lower(position: number, to: number): void {
    if (to < (this.#low[position] as number)) this.#low[position] = to
  }
}
