/**
 * The judge of a simulation: every answer is held against the moment at which it was asked for.
 *
 * Invariants: an answer is judged in the tick in which it comes; the first fault ends the run.
 */
import type { Fault, Made, Truth } from './truth.ts'
import type { Node } from './node.ts'

/** What is remembered of a read when it begins. */
export interface Reading {
  readonly node: Node
  readonly key: string
  readonly at: number
  readonly floors: readonly number[]
  readonly generation: string
  /** When the last sync that was answered was sent. */
  readonly syncSentAt: number
}

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

  constructor(truth: Truth, now: () => number) {
    this.truth = truth
    this.#now = now
  }

  begin(node: Node, key: string): Reading {
    const at = this.#now()
    return {
      node,
      key,
      at,
      floors: this.truth.floors(at),
      generation: node.member.generation,
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

  #faultOf(reading: Reading, value: Made): Fault | undefined {
    const fault = this.truth.fault(value, reading.floors)
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
