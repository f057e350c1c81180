/**
 * Delivery: from the changes that a kind of source reports to invalidations.
 *
 * kind -> names means "these changed, and no invalidation has said so yet".
 * Invariants: a name waits under one kind only, that of its last change; it leaves only with an invalidation
 * that was carried out, and what failed waits again; one invalidation is under way at a time, of at most
 * `batchMax` names.
 */
import type { Cache, Clock, Timer } from 'staleproof'
import type { Log } from '../config/log.ts'
import type { Change, Kind } from './contract.ts'

export interface DeliveryOptions {
  readonly cache: Pick<Cache, 'invalidate'>
  readonly clock: Clock
  readonly log: Log
  /** What reports: `files`. */
  readonly source: string
}

/** How long changes are gathered: what one `cp -r` or one save does comes together. */
const windowMs = 50
const batchMax = 1000
const retryMs = { first: 100, longest: 30_000 }

interface Batch {
  readonly kind: Kind
  readonly names: readonly string[]
  readonly prefix: string | undefined
}

export class Delivery {
  readonly #options: DeliveryOptions
  readonly #names: Record<Kind, Set<string>> = { changed: new Set(), created: new Set(), removed: new Set() }
  readonly #prefixes = new Map<string, Kind>()
  #timer: Timer | undefined
  #running: Promise<void> | undefined
  #failures = 0
  #closed = false

  constructor(options: DeliveryOptions) {
    this.#options = options
  }

  /** How many names and prefixes wait. */
  get waiting(): number {
    const { changed, created, removed } = this.#names
    return changed.size + created.size + removed.size + this.#prefixes.size
  }

  report(change: Change): void {
    if (this.#closed) return
    for (const name of change.names) this.#await(change.kind, name)
    if (change.prefix !== undefined) this.#prefixes.set(change.prefix, change.kind)
    this.#wake(windowMs)
  }

  /** Ends what is under way and tries once more what waits. */
  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    await this.#running
    while (this.waiting > 0 && (await this.#deliverNext())) {}
    if (this.waiting > 0) {
      this.#options.log.error({ waiting: this.waiting }, 'changes were not delivered before the end')
    }
  }

  #await(kind: Kind, name: string): void {
    for (const names of Object.values(this.#names)) names.delete(name)
    this.#names[kind].add(name)
  }

  #wake(delayMs: number): void {
    if (this.#timer !== undefined || this.#running !== undefined || this.#closed) return
    this.#timer = this.#options.clock.schedule(delayMs, () => {
      this.#timer = undefined
      this.#running = this.#deliverAll()
    })
  }

  async #deliverAll(): Promise<void> {
    while (this.waiting > 0 && !this.#closed) {
      if (!(await this.#deliverNext())) break
    }
    this.#running = undefined
    if (this.waiting > 0) this.#wake(this.#retryDelayMs())
  }

  /** @returns false if it failed and waits again. */
  async #deliverNext(): Promise<boolean> {
    const batch = this.#take()
    if (batch === undefined) return true
    try {
      await this.#invalidate(batch)
      this.#failures = 0
      return true
    } catch (error) {
      this.#giveBack(batch)
      this.#failures += 1
      const { log, source } = this.#options
      log.error(
        { err: error, source, waiting: this.waiting, failures: this.#failures },
        'an invalidation failed',
      )
      return false
    }
  }

  async #invalidate({ kind, names, prefix }: Batch): Promise<void> {
    const { cache, log, source } = this.#options
    const result = await cache.invalidate(
      { names, prefix },
      {
        strategy: 'immediate',
        consistency: 'eventual',
        reason: `${source}: ${kind}`,
        actor: `source:${source}`,
      },
    )
    if (result.status === 'failed')
      throw new Error(result.error?.message ?? `invalidation ${result.id} failed`)
    log.debug({ source, kind, names: names.length, prefix, id: result.id }, 'changes delivered')
  }

  #take(): Batch | undefined {
    for (const [prefix, kind] of this.#prefixes) {
      this.#prefixes.delete(prefix)
      return { kind, names: [], prefix }
    }
    for (const [kind, waiting] of Object.entries(this.#names) as [Kind, Set<string>][]) {
      if (waiting.size === 0) continue
      return { kind, names: takeFrom(waiting, batchMax), prefix: undefined }
    }
    return undefined
  }

  /** What was reported again in the meantime waits already, under its newer kind. */
  #giveBack({ kind, names, prefix }: Batch): void {
    const newer = Object.values(this.#names)
    for (const name of names) if (!newer.some((set) => set.has(name))) this.#names[kind].add(name)
    if (prefix !== undefined && !this.#prefixes.has(prefix)) this.#prefixes.set(prefix, kind)
  }

  #retryDelayMs(): number {
    return this.#failures === 0
      ? windowMs
      : Math.min(retryMs.first * 2 ** (this.#failures - 1), retryMs.longest)
  }
}

/** Takes the first `most` out of a set. */
function takeFrom(waiting: Set<string>, most: number): string[] {
  const taken: string[] = []
  for (const name of waiting) {
    if (taken.length === most) break
    waiting.delete(name)
    taken.push(name)
  }
  return taken
}
