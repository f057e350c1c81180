/**
 * The indexes of the queue: from id, turn, time and process to the number of a job.
 *
 * Invariants: a job stands in exactly one of a lane, those put off, those that are early, and those claimed.
 */
import { type QueuedStrategy, queuedStrategies } from '../invalidation/contract.ts'
import type { Environment, Table } from './environment.ts'
import {
  afterKey,
  afterPrefix,
  idBytes,
  numberBytes,
  readNumber,
  seqBytes,
  seqKey,
  writeNumber,
} from './keys.ts'

/**
 * Where a waiting job stands. lane: by rank; putOff: released, by the time it is due; early: by the same, found in its
 * lane before that.
 */
export type Stand = 'lane' | 'putOff' | 'early'

/** A key of those that wait: number is the rank, or the time. */
export interface Spot {
  readonly stand: Stand
  readonly strategy: QueuedStrategy
  readonly number: number
  readonly seq: number
}

export interface Held {
  readonly seq: number
  /** How many runs were begun, counting that which the claimer has begun; undefined: it has begun none. */
  readonly begun: number | undefined
}

const letters: Readonly<Record<Stand, string>> = { lane: 'l', putOff: 'p', early: 'e' }
const idLetter = Buffer.from('i')
const claimLetter = Buffer.from('c')
const nothing = Buffer.alloc(0)
const zero = Buffer.from([0])
const spotBytes = 2 + numberBytes + seqBytes

export class QueueIndex {
  readonly #keys: Table<Buffer>

  constructor(environment: Environment) {
    this.#keys = environment.table('jobKeys', 'bytes')
  }

  // By id

  find(id: string): number | undefined {
    return this.#keys.get(idKey(idBytes(id)))?.readUIntBE(0, seqBytes)
  }

  name(id: string, seq: number): void {
    void this.#keys.put(idKey(idBytes(id)), seqKey(seq))
  }

  forget(id: string): void {
    void this.#keys.remove(idKey(idBytes(id)))
  }

  /** The id of a job that cannot tell it itself: looked for among all. */
  idOf(seq: number): string | undefined {
    for (const { key, value } of this.#keys.getRange({ start: idLetter, end: afterPrefix(idLetter) })) {
      if (value.readUIntBE(0, seqBytes) === seq) return key.subarray(1).toString()
    }
    return undefined
  }

  // Those that wait

  put(spot: Spot): void {
    void this.#keys.put(spotKey(spot), nothing)
  }

  has(spot: Spot): boolean {
    return this.#keys.get(spotKey(spot)) !== undefined
  }

  remove(spot: Spot): void {
    void this.#keys.remove(spotKey(spot))
  }

  first(stand: Stand, strategy: QueuedStrategy): Spot | undefined {
    return this.#spots(standKey(stand, strategy), {
      end: afterPrefix(standKey(stand, strategy)),
      limit: 1,
    })[0]
  }

  /** Those that follow one another in a lane, from its head or after one. */
  inLane(strategy: QueuedStrategy, { after, limit }: { after: Spot | undefined; limit: number }): Spot[] {
    const lane = standKey('lane', strategy)
    const start = after === undefined ? lane : afterKey(spotKey(after))
    return this.#spots(start, { end: afterPrefix(lane), limit })
  }

  /** Of all that wait for their time, those that it has come for. */
  due(now: number, limit: number): Spot[] {
    const due: Spot[] = []
    for (const stand of ['putOff', 'early'] as const) {
      for (const strategy of queuedStrategies) {
        const last = spotKey({ stand, strategy, number: now, seq: 2 ** 48 - 1 })
        const range = { end: afterKey(last), limit: limit - due.length }
        if (range.limit > 0) due.push(...this.#spots(standKey(stand, strategy), range))
      }
    }
    return due
  }

  // Those claimed

  claim(node: string, seq: number): void {
    void this.#keys.put(claimKey(node, seq), nothing)
  }

  begin(node: string, { seq, begun }: { seq: number; begun: number }): void {
    const value = Buffer.allocUnsafe(4)
    value.writeUInt32BE(begun)
    void this.#keys.put(claimKey(node, seq), value)
  }

  holds(node: string, seq: number): boolean {
    return this.#keys.get(claimKey(node, seq)) !== undefined
  }

  unclaim(node: string, seq: number): void {
    void this.#keys.remove(claimKey(node, seq))
  }

  held(node: string, limit: number): Held[] {
    const start = claimsOf(node)
    const rows = this.#keys.getRange({ start, end: afterPrefix(start), limit })
    return Array.from(rows, ({ key, value }) => ({
      seq: Buffer.from(key).readUIntBE(key.length - seqBytes, seqBytes),
      begun: value.length === 0 ? undefined : value.readUInt32BE(),
    }))
  }

  /** The processes that have claimed something. */
  holders(): string[] {
    const nodes: string[] = []
    for (let start: Buffer = claimLetter; ; ) {
      const [key] = [...this.#keys.getKeys({ start, end: afterPrefix(claimLetter), limit: 1 })]
      if (key === undefined) return nodes
      const node = Buffer.from(key)
        .subarray(1, -seqBytes - 1)
        .toString()
      nodes.push(node)
      start = afterPrefix(claimsOf(node))
    }
  }

  #spots(start: Buffer, { end, limit }: { end: Buffer; limit: number }): Spot[] {
    return Array.from(this.#keys.getKeys({ start, end, limit }), (key) => spotOf(Buffer.from(key)))
  }
}

function idKey(id: Buffer): Buffer {
  return Buffer.concat([idLetter, id])
}

function standKey(stand: Stand, strategy: QueuedStrategy): Buffer {
  return Buffer.from(letters[stand] + String(queuedStrategies.indexOf(strategy)))
}

function spotKey({ stand, strategy, number, seq }: Spot): Buffer {
  const key = Buffer.allocUnsafe(spotBytes)
  standKey(stand, strategy).copy(key)
  writeNumber(key, number, 2)
  key.writeUIntBE(seq, 2 + numberBytes, seqBytes)
  return key
}

function spotOf(key: Buffer): Spot {
  const stand = (['lane', 'putOff', 'early'] as const).find((each) => letters[each].charCodeAt(0) === key[0])
  const strategy = queuedStrategies[(key[1] ?? 0) - '0'.charCodeAt(0)]
  const number = readNumber(key, 2)
  const seq = key.readUIntBE(2 + numberBytes, seqBytes)
  return { stand: stand ?? 'lane', strategy: strategy ?? 'scheduled', number, seq }
}

/** An id of a node holds no zero byte. */
function claimsOf(node: string): Buffer {
  return Buffer.concat([claimLetter, Buffer.from(node), zero])
}

function claimKey(node: string, seq: number): Buffer {
  return Buffer.concat([claimsOf(node), seqKey(seq)])
}
