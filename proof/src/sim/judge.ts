/**
 * The judge of a simulation: every answer is held against the moment at which it was asked for.
 *
 * Invariants: an answer is judged in the tick in which it comes; the first fault ends the run.
 */
import { holdOffMs, lagMs, type Node } from './node.ts'
import type { Positions } from './positions.ts'
import type { Fault, Made, Truth } from './truth.ts'

/** What is remembered of a read when it begins. */
export interface Reading {
  readonly node: Node
  readonly key: string
  readonly at: number
  readonly floors: readonly number[]
  /** What the position says that is applied there. */
  readonly applied: readonly number[]
  /** What the position says whose token it was handed. */
  readonly handed: readonly number[] | undefined
  readonly generation: string
  /** When the last sync that was answered was sent. */
  readonly syncSentAt: number
}

/** What a reader was handed. */
export interface Handed {
  readonly generation: string
  readonly n: number
}

export interface JudgeParts {
  readonly truth: Truth
  readonly positions: Positions
  /** A source that is read from a replica. */
  readonly lagging: number | undefined
  readonly now: () => number
}

/** What was read of a source that lags is handed out for so long, by clocks of any rate. */
const laggingMs = Math.max(lagMs, holdOffMs) * 1.01

/** A lease ends before, by true time. */
const surelyOverMs = 2970

export class Judge {
  readonly truth: Truth
  fault: (Fault & { readonly at: number }) | undefined
  answers = 0
  /** Sum of all that was answered, for a comparison of two runs. */
  digest = 0
  /** The answer of that number is replaced by an old one. */
  plantAt: number | undefined
  readonly #now: () => number

  readonly #positions: Positions
  readonly #lagging: number | undefined

  constructor({ truth, positions, lagging, now }: JudgeParts) {
    this.truth = truth
    this.#positions = positions
    this.#lagging = lagging
    this.#now = now
  }

  begin(node: Node, key: string, handed?: Handed): Reading {
    const at = this.#now()
    const { generation, applied } = node.member
    return {
      node,
      key,
      at,
      floors: this.#floors(at),
      applied: this.#positions.floors(generation, applied),
      handed: handed && this.#positions.floors(handed.generation, handed.n),
      generation,
      syncSentAt: node.syncSentAt,
    }
  }

  /** @param how it was read */
  end(reading: Reading, value: Made | undefined, how: string): void {
    this.answers++
    this.digest = (Math.imul(this.digest, 31) + (value?.id ?? -1) + this.#now() * 1000) | 0
    if (value === undefined) {
      if (this.answers === this.plantAt) this.plantAt++
      return
    }
    const told = this.answers === this.plantAt ? this.#old(value) : value
    const found = this.#faultOf(reading, told)
    if (found !== undefined) this.report(found.invariant, `${reading.node.name} ${how} ${found.text}`)
  }

  report(invariant: number, text: string): void {
    this.fault ??= { invariant, text, at: this.#now() }
  }

  /** Of a source that lags, what was demanded a while ago. */
  #floors(at: number): readonly number[] {
    const floors = this.truth.floors(at)
    const lagging = this.#lagging
    if (lagging === undefined) return floors
    return floors.with(lagging, this.truth.floorsBefore(at - laggingMs)[lagging] as number)
  }

  #faultOf(reading: Reading, value: Made): Fault | undefined {
    const { floors, applied, handed } = reading
    const fault =
      this.truth.fault(value, { floors, invariant: 1 }) ??
      this.truth.fault(value, { floors: applied, invariant: 12 }) ??
      (handed && this.truth.fault(value, { floors: handed, invariant: 13 }))
    if (fault !== undefined) return fault
    if (value.key !== reading.key) return { invariant: 3, text: `${reading.key}: the value of ${value.key}` }
    if (value.madeAt >= reading.at) return undefined
    return this.#fenced(reading, value) ?? this.#foreign(reading, value)
  }

  #fenced({ node, at, syncSentAt }: Reading, { key, id }: Made): Fault | undefined {
    const isFenced = at - syncSentAt > surelyOverMs && node.syncSentAt === syncSentAt
    return isFenced ? { invariant: 10, text: `${key}: value ${id}, though no lease can be held` } : undefined
  }

  #foreign({ node, generation }: Reading, { key, id, generation: own }: Made): Fault | undefined {
    if (own === generation || own === node.member.generation) return undefined
    return { invariant: 11, text: `${key}: value ${id} of another generation` }
  }

  /** One version older, of a source that is demanded. */
  #old(value: Made): Made {
    const floors = this.truth.floors(this.#now())
    const versions = value.versions.map((version, i) => {
      const floor = floors[i] as number
      return version === Infinity || floor === 0 ? version : floor - 1
    })
    if (versions.every((version, i) => version === value.versions[i])) this.plantAt = this.answers + 1
    return { ...value, versions }
  }
}
