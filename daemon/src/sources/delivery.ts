/**
 * Delivery: from the changes that a kind of source reports to invalidations.
 *
 * kind -> name -> receipts means "this changed, and no invalidation has said so yet; these want to know when one has".
 * Invariants: a name waits under one kind only, that of its last change; it leaves only with an invalidation
 * that was carried out, and what failed waits again; one invalidation is under way at a time, of at most
 * `batchMax` names; a change counts as delivered once all of it was carried out and is written.
 */
import { StaleproofError, type Cache, type Clock, type InvalidationResult, type Timer } from 'staleproof'
import type { Log } from '../config/log.ts'
import type { Change, Kind } from './contract.ts'

export interface DeliveryOptions {
  readonly cache: Pick<Cache, 'invalidate'>
  readonly clock: Clock
  readonly log: Log
  /** What reports: `files`. */
  readonly source: string
  /** Invalidations that are in force and could not be written yet; 0 if left out. */
  readonly unwritten?: () => number
}

/** How long changes are gathered: what one `cp -r` or one save does comes together. */
const windowMs = 50
const batchMax = 1000
const retryMs = { first: 100, longest: 30_000 }

interface Batch {
  readonly kind: Kind
  readonly names: ReadonlyMap<string, readonly Receipt[]>
  readonly prefix: { readonly text: string; readonly receipts: readonly Receipt[] } | undefined
}

interface Prefix {
  readonly kind: Kind
  readonly receipts: Receipt[]
}

export class Delivery {
  readonly #options: DeliveryOptions
  readonly #names: Record<Kind, Map<string, Receipt[]>> = {
    changed: new Map(),
    created: new Map(),
    removed: new Map(),
    unseen: new Map(),
  }
  readonly #prefixes = new Map<string, Prefix>()
  /** In force, and not known to be written. */
  #unwritten: Batch[] = []
  #timer: Timer | undefined
  #running: Promise<void> | undefined
  #failures = 0
  #closed = false

  constructor(options: DeliveryOptions) {
    this.#options = options
  }

  /** How many names and prefixes wait. */
  get waiting(): number {
    return Object.values(this.#names).reduce((count, names) => count + names.size, this.#prefixes.size)
  }

  report(change: Change): void {
    if (this.#closed) return
    const receipt = new Receipt(change)
    for (const name of change.names) this.#await(change.kind, name, [receipt])
    if (change.prefix !== undefined) this.#awaitPrefix(change.kind, change.prefix, [receipt])
    this.#wake(windowMs)
  }

  /**
   * Delivers what waits at once. What is in force, and could not be written or purged, waits to be tried again.
   * @throws why something is not in force
   */
  async deliverNow(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
    await this.#running
    const refused: unknown[] = []
    await this.#run(() => this.#deliverEach(refused))
    if (refused.length > 0) throw refused[0]
  }

  /** Ends what is under way and tries once more what waits. */
  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    await this.#running
    while (this.waiting > 0 && (await this.#deliverNext())) {}
    this.#acknowledgeWritten()
    if (this.waiting > 0) {
      this.#options.log.error({ waiting: this.waiting }, 'changes were not delivered before the end')
    }
  }

  #await(kind: Kind, name: string, receipts: readonly Receipt[]): void {
    let waiting: Receipt[] = []
    for (const names of Object.values(this.#names)) {
      waiting = names.get(name) ?? waiting
      names.delete(name)
    }
    for (const receipt of receipts) waiting.push(receipt)
    this.#names[kind].set(name, waiting)
  }

  #awaitPrefix(kind: Kind, prefix: string, receipts: readonly Receipt[]): void {
    const before = this.#prefixes.get(prefix)?.receipts ?? []
    this.#prefixes.set(prefix, { kind, receipts: [...before, ...receipts] })
  }

  #wake(delayMs: number): void {
    if (this.#timer !== undefined || this.#running !== undefined || this.#closed) return
    this.#timer = this.#options.clock.schedule(delayMs, () => {
      this.#timer = undefined
      void this.#run(() => this.#deliverAll())
    })
  }

  #run(deliver: () => Promise<void>): Promise<void> {
    this.#running = deliver().finally(() => {
      this.#running = undefined
      this.#acknowledgeWritten()
      if (this.waiting > 0 || this.#unwritten.length > 0) this.#wake(this.#retryDelayMs())
    })
    return this.#running
  }

  async #deliverAll(): Promise<void> {
    while (this.waiting > 0 && !this.#closed) {
      if (!(await this.#deliverNext())) break
    }
  }

  async #deliverEach(refused: unknown[]): Promise<void> {
    const batches: Batch[] = []
    for (let batch = this.#take(); batch !== undefined; batch = this.#take()) batches.push(batch)
    for (const batch of batches) {
      const error = await this.#deliver(batch)
      if (error !== undefined && !isInForce(error)) refused.push(error)
    }
  }

  /** @returns false if it failed and waits again. */
  async #deliverNext(): Promise<boolean> {
    const batch = this.#take()
    return batch === undefined || (await this.#deliver(batch)) === undefined
  }

  /** @returns why it waits again, or waits to be written; undefined: it is done */
  async #deliver(batch: Batch): Promise<unknown> {
    try {
      await this.#invalidate(batch)
      this.#failures = 0
      acknowledge(batch)
      return undefined
    } catch (error) {
      this.#failures += 1
      // Done once more it would only wait to be written twice.
      if (isUnwritten(error)) this.#unwritten.push(batch)
      else this.#giveBack(batch)
      const { log, source } = this.#options
      log.error(
        { err: error, source, waiting: this.waiting, failures: this.#failures },
        'an invalidation failed',
      )
      return error
    }
  }

  async #invalidate({ kind, names, prefix }: Batch): Promise<void> {
    const { cache, log, source } = this.#options
    const target = { names: [...names.keys()], prefix: prefix?.text }
    const result = await cache.invalidate(target, {
      strategy: 'immediate',
      consistency: 'eventual',
      reason: `${source}: ${kind}`,
      actor: `source:${source}`,
    })
    if (result.status === 'failed')
      throw new Error(result.error?.message ?? `invalidation ${result.id} failed`)
    log.debug({ source, kind, names: names.size, prefix: prefix?.text, id: result.id }, 'changes delivered')
  }

  #take(): Batch | undefined {
    for (const [text, { kind, receipts }] of this.#prefixes) {
      this.#prefixes.delete(text)
      return { kind, names: new Map(), prefix: { text, receipts } }
    }
    for (const [kind, waiting] of Object.entries(this.#names) as [Kind, Map<string, Receipt[]>][]) {
      if (waiting.size === 0) continue
      return { kind, names: takeFrom(waiting, batchMax), prefix: undefined }
    }
    return undefined
  }

  /** What was reported again in the meantime waits already, under its newer kind. */
  #giveBack({ kind, names, prefix }: Batch): void {
    const waits = (name: string) => Object.entries(this.#names).find(([, set]) => set.has(name))?.[0]
    for (const [name, receipts] of names)
      this.#await((waits(name) as Kind | undefined) ?? kind, name, receipts)
    if (prefix === undefined) return
    this.#awaitPrefix(this.#prefixes.get(prefix.text)?.kind ?? kind, prefix.text, prefix.receipts)
  }

  #acknowledgeWritten(): void {
    if (this.#unwritten.length === 0 || (this.#options.unwritten?.() ?? 0) > 0) return
    for (const batch of this.#unwritten.splice(0)) acknowledge(batch)
    this.#failures = 0
  }

  #retryDelayMs(): number {
    return this.#failures === 0
      ? windowMs
      : Math.min(retryMs.first * 2 ** (this.#failures - 1), retryMs.longest)
  }
}

/** What of a change is still to be carried out. */
class Receipt {
  readonly #delivered: (() => void) | undefined
  #left: number

  constructor({ names, prefix, delivered }: Change) {
    this.#delivered = delivered
    this.#left = names.length + (prefix === undefined ? 0 : 1)
  }

  one(): void {
    this.#left -= 1
    if (this.#left === 0) this.#delivered?.()
  }
}

function acknowledge({ names, prefix }: Batch): void {
  for (const receipts of names.values()) for (const receipt of receipts) receipt.one()
  for (const receipt of prefix?.receipts ?? []) receipt.one()
}

/** No reader gets what was made before: only writing it, or purging a tier, is left to be done. */
function isInForce(error: unknown): boolean {
  if (isUnwritten(error)) return true
  const result =
    error instanceof StaleproofError ? (error.details.result as InvalidationResult | undefined) : undefined
  return result !== undefined && result.position !== null
}

function isUnwritten(error: unknown): boolean {
  return error instanceof StaleproofError && error.code === 'E_LOG_PENDING'
}

/** Takes the first `most` out of those that wait. */
function takeFrom<T>(waiting: Map<string, T>, most: number): Map<string, T> {
  const taken = new Map<string, T>()
  for (const [name, value] of waiting) {
    if (taken.size === most) break
    waiting.delete(name)
    taken.set(name, value)
  }
  return taken
}
