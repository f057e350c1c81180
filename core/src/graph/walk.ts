/**
 * Walk: everything that targets reach by declared edges, tracked edges and rules, breadth first.
 *
 * What is reached gets a position, in the order of discovery. The edges met are recorded as positions, in
 * arrays as long as the walk and not as the graph, so that ordering needs no second look at the graph:
 *
 *   queue    position -> id of the name; ~index for a prefix (a prefix is a node whose dependents are the
 *            names that begin with it, and what rules make of it)
 *   because  position -> position it was reached from; -1: it is a target
 *   offsets  position -> its first record;   records  positions of its dependents, node by node
 *
 * Direct edges come first. An inherited edge whose end is not reached yet is recorded as ~id and followed
 * only when direct edges have nothing more to offer.
 *
 * Invariants: each name and prefix has one position; because[p] < p; marks[id] - base is the position of id
 * in this walk if >= 0, so that a walk needs no clearing of the marks of the one before; names that rules
 * made are interned for the walk only.
 */
import type { Adjacency } from './adjacency.ts'
import type { Edges } from './edges.ts'
import type { Names } from './names.ts'
import { areRunaway, type Rules } from './rules.ts'
import type { Targets } from './targets.ts'

export interface WalkedGraph {
  readonly names: Names
  readonly declared: Edges
  readonly tracked: Edges
  readonly rules: Rules
}

/** Workspace that is kept for the next walk, in cells; a larger one is given back. */
const keptMax = 1 << 20

export class Walk {
  /** Number of positions. */
  length = 0
  /** True if an edge leads to an earlier position, so that the order of discovery may not be topological. */
  leadsBack = false
  queue = new Int32Array(64)
  because = new Int32Array(64)
  offsets = new Int32Array(65)
  records = new Int32Array(64)
  /** Prefixes reached, in the order of discovery. */
  readonly prefixes: string[] = []

  readonly #graph: WalkedGraph
  #marks = new Int32Array(0)
  #base = 1
  #recorded = 0
  /** Prefix -> position. */
  readonly #prefixPositions = new Map<string, number>()
  /** Positions with inherited edges to follow later. */
  readonly #deferred: number[] = []
  /** Ids of names that nobody but the walk refers to. */
  readonly #guests: number[] = []
  #made = 0

  constructor(graph: WalkedGraph) {
    this.#graph = graph
  }

  run(targets: Targets): void {
    this.#prepare()
    for (const name of targets.names) this.#reachName(name, -1)
    for (const prefix of targets.prefixes) this.#reachPrefix(prefix, -1)
    let deferredAt = 0
    for (let position = 0; ; ) {
      while (position < this.length) this.#expand(position++)
      if (deferredAt === this.#deferred.length) break
      this.#followInherited(this.#deferred[deferredAt++] as number)
    }
    this.offsets[this.length] = this.#recorded
  }

  /** The texts of positions; null for a prefix. */
  texts(): (string | null)[] {
    const { names } = this.#graph
    const texts = new Array<string | null>(this.length)
    for (let position = 0; position < this.length; position++) {
      const id = this.queue[position] as number
      texts[position] = id < 0 ? null : names.nameOf(id)
    }
    return texts
  }

  /** Ends the walk. Its arrays mean nothing from here on. */
  finish(): void {
    for (const id of this.#guests) this.#graph.names.release(id)
    this.#base += this.length
    if (this.records.length > keptMax) {
      this.queue = this.because = this.offsets = this.records = new Int32Array(0)
    }
  }

  #prepare(): void {
    this.length = this.#recorded = this.#made = 0
    this.leadsBack = false
    this.prefixes.length = this.#deferred.length = this.#guests.length = 0
    this.#prefixPositions.clear()
    this.#coverNames()
    // A walk has less than 2 ** 30 positions, since ids are.
    if (this.#base < 2 ** 30) return
    this.#marks.fill(0)
    this.#base = 1
  }

  #expand(position: number): void {
    const id = this.queue[position] as number
    this.offsets[position] = this.#recorded
    if (id < 0) return this.#expandPrefix(position, this.prefixes[~id] as string)
    const { declared, tracked, rules, names } = this.#graph
    if (declared.size > 0) this.#follow(position, id, declared.dependents)
    this.#follow(position, id, tracked.dependents)
    if (rules.size > 0) {
      const widen = areRunaway(this.#made, this.length - this.#made)
      this.#recordTargets(position, rules.dependentsOf(names.nameOf(id), widen))
    }
  }

  /** The inner loop of the room: no call and no allocation for an edge. */
  #follow(position: number, id: number, edges: Adjacency): void {
    const count = edges.nodes[2 * id + 1] ?? 0
    if (count === 0) return
    this.#makeRoom(count)
    const start = edges.nodes[2 * id] as number
    const { cells } = edges
    const { queue, because, records } = this
    const marks = this.#marks
    const base = this.#base
    let { length } = this
    let recorded = this.#recorded
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
        found = length++
        marks[end] = base + found
        queue[found] = end
        because[found] = position
      } else if (found < position) this.leadsBack = true
      records[recorded++] = found
    }
    if (isDeferred) this.#deferred.push(position)
    this.length = length
    this.#recorded = recorded
  }

  /** Replaces the ~id among the records of a position, reaching what is still unreached. */
  #followInherited(position: number): void {
    // Position + 1 was expanded as well, or the records of this one are the last.
    const end = position + 1 < this.length ? (this.offsets[position + 1] as number) : this.#recorded
    this.#makeRoom(end - (this.offsets[position] as number))
    for (let at = this.offsets[position] as number; at < end; at++) {
      const record = this.records[at] as number
      if (record < 0) this.records[at] = this.#reachId(~record, position)
    }
  }

  #expandPrefix(position: number, prefix: string): void {
    const { names, rules } = this.#graph
    const ids = names.startingWith(prefix)
    this.#makeRoom(ids.length)
    for (const id of ids) this.#record(this.#reachId(id, position))
    this.#recordTargets(position, rules.dependentsOfPrefix(prefix))
  }

  #recordTargets(position: number, { names, prefixes }: Targets): void {
    this.#makeRoom(names.length + prefixes.length)
    for (const name of names) {
      const found = this.#reachName(name, position)
      if (found !== position) this.#record(found)
    }
    for (const prefix of prefixes) {
      const found = this.#reachPrefix(prefix, position)
      if (found !== position) this.#record(found)
    }
  }

  #record(found: number): void {
    this.records[this.#recorded++] = found
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
    if (known < 0) {
      const position = this.#enqueue(id, because)
      this.#marks[id] = this.#base + position
      return position
    }
    if (known < because) this.leadsBack = true
    return known
  }

  #reachPrefix(prefix: string, because: number): number {
    const known = this.#prefixPositions.get(prefix)
    if (known === undefined) {
      const position = this.#enqueue(~this.prefixes.length, because)
      this.prefixes.push(prefix)
      this.#prefixPositions.set(prefix, position)
      return position
    }
    if (known < because) this.leadsBack = true
    return known
  }

  #enqueue(node: number, because: number): number {
    const position = this.length
    this.#makeRoom(1)
    this.queue[position] = node
    this.because[position] = because
    this.length++
    return position
  }

  /** For `count` more positions, and as many records. */
  #makeRoom(count: number): void {
    const positions = this.length + count
    if (positions > this.queue.length) {
      this.queue = enlarged(this.queue, positions)
      this.because = enlarged(this.because, positions)
    }
    // A position more than positions: where the records of the last one end.
    if (positions + 1 > this.offsets.length) this.offsets = enlarged(this.offsets, positions + 1)
    const records = this.#recorded + count
    if (records > this.records.length) this.records = enlarged(this.records, records)
  }

  #coverNames(): void {
    const { capacity } = this.#graph.names
    if (capacity > this.#marks.length) this.#marks = enlarged(this.#marks, capacity)
  }
}

function enlarged(array: Int32Array, needed: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(Math.max(64, Math.ceil(needed * 1.5)))
  larger.set(array)
  return larger
}
