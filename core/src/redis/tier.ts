/**
 * The Redis tier: entries on a server, which any number of machines share.
 *
 *   get      the bytes, those of one tick together; prove and decode them
 *   settle   encode the value -> look, decide, store if nothing changed meanwhile (settle.ts)
 *   delete   look at heads, decide, remove those that still stand (removal.ts)
 *
 * Values may be evicted, heads never are: others still know of an entry whose value is gone.
 *
 * Invariants: what is given out is what was put, of the generation that the log here is in; what does not prove itself
 * is a miss, and removed; an entry and what the log says of it change together; nothing that grows with the number of
 * entries is kept in this process.
 */
import { createHash } from 'node:crypto'
import { encoded, none, type Encoded } from '../bytes/encoded.ts'
import type { StoredEntry } from '../bytes/format.ts'
import { keyOf, sentKeyOf } from '../bytes/names.ts'
import type { LogBeside } from '../consistency/contract.ts'
import type { Clock, Random } from '../model/clock.ts'
import type { EntryParts } from '../model/entry.ts'
import { StaleproofError } from '../model/errors.ts'
import type { Policy } from '../model/policy.ts'
import type { Admit, Answer, Head, Settled, SharedTier } from '../tiers/contract.ts'
import type { Driver } from './driver.ts'
import { Heads } from './heads.ts'
import { Reads } from './reads.ts'
import { Removal } from './removal.ts'
import { Scan } from './scan.ts'
import { Settling } from './settle.ts'
import { Sweeper, type SweepProgress } from './sweep.ts'
import { dropScript, endedScript } from './tier-lua.ts'

export interface RedisTierParts {
  readonly driver: Driver
  readonly log: LogBeside
  readonly clock: Clock
  readonly random: Random
  readonly policyOf: (name: string) => Policy
  readonly isInvalid: (head: Head) => boolean
  /** Larger values are kept by those who have them in memory only. */
  readonly entryBytesMax: number
  readonly onError: (error: unknown, during: string) => void
  /** How much clocks of nodes may differ before an entry that is past its time is removed. Default 60,000. */
  readonly lagMs?: number | undefined
}

export interface RedisUsage {
  /** On the server, those whose value was evicted included; as of the sweeper's last look, seconds ago. */
  readonly entries: number
  /** Values that were not what was written, and that this node found. */
  readonly damaged: number
}

/** Keys that were told of as damaged, at most; then it begins anew. */
const toldMax = 1000

export class RedisTier implements SharedTier {
  readonly name = 'redis'
  readonly isShared = true
  readonly #parts: RedisTierParts
  readonly #heads: Heads
  readonly #reads: Reads<EntryParts | undefined>
  readonly #removal: Removal
  readonly #scan: Scan
  readonly #settling: Settling
  readonly #sweeper: Sweeper
  /** Policies of whose values it was told that they cannot be encoded. */
  readonly #toldPolicies = new Set<string>()
  readonly #toldDamaged = new Set<string>()
  #damaged = 0

  constructor(parts: RedisTierParts) {
    this.#parts = parts
    this.#heads = new Heads(parts)
    this.#reads = new Reads(parts.driver, (key, bytes) => this.#taken(key, bytes))
    this.#removal = new Removal(parts, this.#heads)
    this.#scan = new Scan(parts.driver, this.#heads)
    this.#settling = new Settling(parts, this.#heads)
    this.#sweeper = new Sweeper(parts, this.#heads, this.#removal)
  }

  get usage(): RedisUsage {
    return { entries: this.#sweeper.entries, damaged: this.#damaged }
  }

  get sweep(): SweepProgress {
    return this.#sweeper.progress
  }

  get(key: string): Promise<EntryParts | undefined> {
    return this.#reads.read(key)
  }

  async put(entry: EntryParts): Promise<void> {
    await this.settle(entry, () => entry)
  }

  async settle(entry: EntryParts, admit: Admit): Promise<Settled | undefined> {
    if (entry.generation !== this.#parts.log.generation) return undefined
    const value = this.#encoded(entry)
    const settled = await this.#settling.settle({ entry, value, admit })
    return settled !== undefined && value === none ? { ...settled, withoutValue: true } : settled
  }

  delete(keys: readonly string[], isValid: (entry: Head) => boolean = () => false): Promise<number> {
    return this.#removal.delete(keys, isValid)
  }

  async ended(keys: readonly string[]): Promise<void> {
    const { driver, log } = this.#parts
    await driver.run(endedScript, [log.generation, ...keys.map(sentKeyOf)])
  }

  held(keys: readonly string[]): Promise<readonly EntryParts[]> {
    return this.#heads.held(keys)
  }

  dependents(names: readonly string[]): Promise<readonly string[]> {
    return this.#scan.dependents(names)
  }

  withPrefix(prefix: string): Promise<readonly string[]> {
    return this.#scan.withPrefix(prefix)
  }

  async close(): Promise<void> {
    await this.#sweeper.close()
  }

  #taken(key: string, bytes: Buffer): Answer<EntryParts | undefined> {
    let entry: StoredEntry
    try {
      entry = this.#heads.format.decode(bytes)
    } catch (cause) {
      return this.#drop(key, bytes, cause)
    }
    const isIt = entry.key === key && entry.generation !== '' && entry.form !== 'none'
    return isIt ? entry : undefined
  }

  /** A value that is not what was written, unless it is another by now; its head stays. */
  async #drop(key: string, bytes: Buffer, cause: unknown): Promise<undefined> {
    const { driver, onError } = this.#parts
    this.#damaged++
    if (!this.#toldDamaged.has(key)) onError(damaged(key, cause), `reading '${key}' from Redis`)
    if (this.#toldDamaged.size >= toldMax) this.#toldDamaged.clear()
    this.#toldDamaged.add(key)
    const sha = createHash('sha1').update(bytes).digest('hex')
    await driver
      .run(dropScript, [keyOf(key), sha])
      .catch((error: unknown) => onError(error, `removing what is damaged of '${key}' from Redis`))
  }

  /** The value as bytes; none, if it cannot be kept. */
  #encoded({ key, value, policy }: EntryParts): Encoded {
    try {
      const bytes = encoded(value)
      return bytes.length > this.#parts.entryBytesMax ? none : bytes
    } catch (cause) {
      if (!this.#toldPolicies.has(policy.name))
        this.#parts.onError(unencodable(key, cause), `encoding '${key}'`)
      this.#toldPolicies.add(policy.name)
      return none
    }
  }
}

function damaged(key: string, cause: unknown): StaleproofError {
  return new StaleproofError(
    'E_REDIS_DAMAGED',
    `the value of '${key}' in Redis is not what was written: it counts as not there, and is removed`,
    { cause, details: { key } },
  )
}

function unencodable(key: string, cause: unknown): StaleproofError {
  return new StaleproofError(
    'E_VALUE_UNENCODABLE',
    `the value of '${key}' cannot be kept in Redis (${String(cause)}): it is kept in memory only, like others of its policy; store what is data`,
    { cause, details: { key } },
  )
}
