/**
 * Walk: everything that targets reach by declared edges, tracked edges and rules, breadth first.
 *
 * What is reached gets a position, in the order of discovery. The edges met are recorded as positions, in
 * arrays as long as the walk and not as the graph, so that ordering needs no second look at the graph:
 *
 *   queue    position -> id of the name, or of a prefix (a node whose dependents are the names that begin
 *            with it, and what rules make of it)
 *   because  position -> position it was reached from; -1: it is a target
 *   offsets  position -> its first record
 *   records  positions of its dependents, node by node
 *
 * Direct edges come first. An inherited edge whose end is not reached yet is recorded as ~id and followed
 * only when direct edges have nothing more to offer.
 *
 * Invariants: each name and prefix has one position; because[p] < p; marks[id] - base is the position of id
 * in this walk if >= 0, so that a walk needs no clearing of the marks of the one before; names that rules
 * made are interned, and ids for prefixes claimed, for the walk only.
 */
import type { Adjacency } from './adjacency.ts'
import type { Edges } from './edges.ts'
import type { Names, Snapshot } from './names.ts'
import { areRunaway, type Rules } from './rules.ts'
import type { Targets } from './targets.ts'

export interface WalkedGraph {
  readonly names: Names
  readonly declared: Edges
  readonly tracked: Edges
  readonly rules: Rules
}

export interface WalkOptions {
  /** The walk ends early, with so many positions, if there are more: the nearest. Default: find all. */
  readonly lengthMax?: number | undefined
  /** Known names that begin with a prefix; default: looked for among all names. */
  readonly namesWithin?: ((prefix: string) => readonly string[] | undefined) | undefined
}

/** More than a walk can have, since ids are below it. An integer, for the sake of the inner loop. */
const positionsMax = 2 ** 30
/** How far the inner loop reads ahead; the queue is that much longer than it need be. */
const ahead = 8
/** Workspace that is kept for the next walk, in cells; a larger one is given back. */
const keptMax = 1 << 20

export class Walk {
  /** Number of positions. */
  length = 0
  /** False if the walk was ended early. */
  isWhole = true
  /** True if an edge leads to an earlier position, so that the order of discovery may not be topological. */
  leadsBack = false
  queue = new Int32Array(64)
  because = new Int32Array(64)
  offsets = new Int32Array(65)
  records = new Int32Array(64)
  /** As long as the queue, for whoever orders the walk. */
  spare = new Int32Array(64)
  /** Prefixes reached -> their ids. */
  readonly prefixes = new Map<string, number>()

  /** What was read ahead; means nothing, but what nobody keeps need not be read. */
  touched = 0
  readonly #graph: WalkedGraph
  #marks = new Int32Array(0)
  #base = 1
  #recorded = 0
  /** Id -> prefix. */
  readonly #prefixOf = new Map<number, string>()
  /** Positions with inherited edges to follow later. */
  readonly #deferred: number[] = []
  /** Ids that nobody but the walk refers to. */
  readonly #guests: number[] = []
  #made = 0
  #namesWithin: WalkOptions['namesWithin']
  #lengthMax = positionsMax
  /** Positions that a walk had marked before it was ended early. */
  #positionsMarked = 0

  constructor(graph: WalkedGraph) {
    this.#graph = graph
  }

  run(targets: Targets, { lengthMax = positionsMax, namesWithin }: WalkOptions): void {
    this.#prepare()
    this.#namesWithin = namesWithin
    this.#lengthMax = lengthMax
    for (const name of targets.names) this.#reachName(name, -1)
    for (const prefix of targets.prefixes) this.#reachPrefix(prefix, -1)
    let deferredAt = 0
    for (let position = 0; ; ) {
      while (position < this.length) {
        if (position >= lengthMax) return this.#endAt(lengthMax)
        position = this.#expand(position, lengthMax)
      }
      if (deferredAt === this.#deferred.length) break
      this.#followInherited(this.#deferred[deferredAt++] as number)
    }
  }

  /** Position -> name; undefined for a prefix. It outlives the walk. */
  texts(): Snapshot {
    return this.#graph.names.snapshot(this.queue.slice(0, this.length))
  }

  isPrefix(position: number): boolean {
    return this.prefixes.size > 0 && this.#prefixOf.has(this.queue[position] as number)
  }

  /** Ends the walk. Its arrays mean nothing from here on. */
  finish(): void {
    for (const id of this.#guests) this.#graph.names.release(id)
    this.#base += Math.max(this.length, this.#positionsMarked)
    this.#positionsMarked = 0
    if (this.records.length > keptMax) {
      this.queue = this.because = this.offsets = this.records = this.spare = new Int32Array(0)
    }
  }

  #prepare(): void {
    this.length = this.#recorded = this.#made = 0
    this.leadsBack = false
    this.isWhole = true
    this.#deferred.length = this.#guests.length = 0
    this.prefixes.clear()
    this.#prefixOf.clear()
    this.#coverNames()
    if (this.#base < positionsMax) return
    this.#marks.fill(0)
    this.#base = 1
  }

  /** Records what depends on a position, and on those after it as long as that is quick. @returns the next */
  #expand(position: number, lengthMax: number): number {
    const { declared, tracked, rules, names } = this.#graph
    const id = this.queue[position] as number
    if (declared.size + rules.size + this.prefixes.size === 0) {
      return this.#follow(tracked.dependents, position, lengthMax)
    }
    const prefix = this.#prefixOf.get(id)
    if (prefix !== undefined) this.#expandPrefix(position, prefix)
    else {
      if (declared.size > 0) this.#follow(declared.dependents, position, position + 1)
      this.#follow(tracked.dependents, position, position + 1)
      const widen = areRunaway(this.#made, this.length - this.#made)
      if (rules.size > 0) this.#recordTargets(position, rules.dependentsOf(names.nameOf(id), widen))
    }
    return position + 1
  }

  /**
   * The inner loop of the room: no call and no allocation for an edge. Follows the edges of the positions
   * `from` to `until` (exclusive), until its arrays are full.
   *
   * `touched` reads what the positions a little ahead will need. Nothing waits for those loads, so that
   * memory delivers while edges are worked on; a large walk takes half the time.
   *
   * @returns the position it stopped at, `from + 1` at least
   */
  #follow({ nodes, cells }: Adjacency, from: number, until: number): number {
    const lengthMax = this.#lengthMax
    const listed = nodes[2 * (this.queue[from] as number) + 1] as number
    this.#makeRoom(Math.min(listed, lengthMax + 1), listed)
    const { queue, because, offsets, records } = this
    const marks = this.#marks
    const base = this.#base
    let { length, leadsBack, touched } = this
    let recorded = this.#recorded
    let position = from
    for (; position < length && position < until; position++) {
      const id = queue[position] as number
      const count = nodes[2 * id + 1] as number
      if (length + Math.min(count, lengthMax + 1) + ahead > queue.length || recorded + count > records.length)
        break
      touched ^= nodes[2 * (queue[position + ahead] as number)] as number
      touched ^= cells[nodes[2 * (queue[position + ahead / 2] as number)] as number] as number
      const start = nodes[2 * id] as number
      let isDeferred = false
      for (let at = start; at < start + count; at++) {
        const cell = cells[at] as number
        const end = cell >> 1
        let found = (marks[end] as number) - base
        if (found < 0) {
          if ((cell & 1) === 1) {
            records[recorded++] = ~end
            isDeferred = true
            continue
          }
          // One more than there may be says that there are more.
          if (length > lengthMax) continue
          found = length++
          marks[end] = base + found
          queue[found] = end
          because[found] = position
        } else if (found < position) leadsBack = true
        records[recorded++] = found
      }
      offsets[position + 1] = recorded
      if (isDeferred) this.#deferred.push(position)
    }
    this.length = length
    this.leadsBack = leadsBack
    this.touched = touched
    this.#recorded = recorded
    return position
  }

  /** Forgets the positions from `length` on, and the records that lead there. */
  #endAt(length: number): void {
    const { offsets, records } = this
    this.#positionsMarked = this.length
    let kept = 0
    let from = 0
    for (let position = 0; position < length; position++) {
      const end = offsets[position + 1] as number
      for (let at = from; at < end; at++) {
        const record = records[at] as number
        if (record >= 0 && record < length) records[kept++] = record
      }
      from = end
      offsets[position + 1] = kept
    }
    this.length = length
    this.isWhole = false
  }

  /** Replaces the ~id among the records of a position, reaching what is still unreached. */
  #followInherited(position: number): void {
    const end = this.offsets[position + 1] as number
    for (let at = this.offsets[position] as number; at < end && this.length <= this.#lengthMax; at++) {
      const record = this.records[at] as number
      if (record < 0) this.#setRecord(at, this.#reachId(~record, position))
    }
  }

  #expandPrefix(position: number, prefix: string): void {
    const { names, rules } = this.#graph
    const found =
      this.#namesWithin?.(prefix)?.map((name) => this.#reachName(name, position)) ??
      names.startingWith(prefix).map((id) => this.#reachId(id, position))
    this.#makeRoom(found.length)
    for (const end of found) this.#setRecord(this.#recorded++, end)
    this.#recordTargets(position, rules.dependentsOfPrefix(prefix))
  }

  #recordTargets(position: number, { names, prefixes }: Targets): void {
    const found = [
      ...names.map((name) => this.#reachName(name, position)),
      ...prefixes.map((prefix) => this.#reachPrefix(prefix, position)),
    ]
    this.#makeRoom(found.length)
    for (const end of found) {
      if (end !== position) this.#setRecord(this.#recorded++, end)
    }
    this.offsets[position + 1] = this.#recorded
  }

  #setRecord(at: number, end: number): void {
    this.records[at] = end
  }

  #reachName(name: string, because: number): number {
    const { names } = this.#graph
    let id = names.idOf(name)
    if (id < 0) {
      id = names.intern(name)
      this.#guests.push(id)
      this.#coverNames()
      if (because >= 0) this.#made++
    }
    return this.#reachId(id, because)
  }

  #reachId(id: number, because: number): number {
    const known = (this.#marks[id] as number) - this.#base
    if (known >= 0) {
      if (known < because) this.leadsBack = true
      return known
    }
    this.#makeRoom(1)
    const position = this.length++
    this.#marks[id] = this.#base + position
    this.queue[position] = id
    this.because[position] = because
    return position
  }

  #reachPrefix(prefix: string, because: number): number {
    let id = this.prefixes.get(prefix)
    if (id === undefined) {
      id = this.#graph.names.claim()
      this.#guests.push(id)
      this.#coverNames()
      this.prefixes.set(prefix, id)
      this.#prefixOf.set(id, prefix)
    }
    return this.#reachId(id, because)
  }

  #makeRoom(morePositions: number, moreRecords = morePositions): void {
    const positions = this.length + morePositions + ahead
    if (positions > this.queue.length) {
      this.queue = enlarged(this.queue, positions)
      this.because = enlarged(this.because, positions)
      this.spare = new Int32Array(this.queue.length)
    }
    // One more: where the records of the last one end.
    if (this.queue.length >= this.offsets.length) this.offsets = enlarged(this.offsets, this.queue.length + 1)
    const records = this.#recorded + moreRecords
    if (records > this.records.length) this.records = enlarged(this.records, records)
  }

  /** So that the inner loop never reads past the end of an array. */
  #coverNames(): void {
    const { names, declared, tracked } = this.#graph
    tracked.dependents.cover(names.capacity)
    if (declared.size > 0) declared.dependents.cover(names.capacity)
    if (names.capacity > this.#marks.length) this.#marks = enlarged(this.#marks, names.capacity)
  }
}

function enlarged(array: Int32Array, needed: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(Math.max(64, Math.ceil(needed * 1.5)))
  larger.set(array)
  return larger
}
