/**
 * Invalidations: what was asked for, is under way and was done.
 *
 *   immediate, lazy        carried out now
 *   scheduled, background  queued; the drain carries them out, with the same hands
 */
import type { Graph } from '../graph/graph.ts'
import { isQueued, type InvalidationRequest } from '../invalidation/contract.ts'
import { drainRules, type RetryRules } from '../invalidation/drain-options.ts'
import { Drain } from '../invalidation/drain.ts'
import { MemoryHistory } from '../invalidation/memory-history.ts'
import { MemoryQueue } from '../invalidation/memory-queue.ts'
import { keysIn, keysOf, perform, type Hands } from '../invalidation/perform.ts'
import { failedRecord, runningRecord } from '../invalidation/record.ts'
import type { ResolvedTarget } from '../invalidation/request.ts'
import type { Log } from '../log/contract.ts'
import type { Judge } from '../log/judge.ts'
import { StaleproofError, type ErrorCode } from '../model/errors.ts'
import type { Events } from '../model/event.ts'
import type { HistoryPage, HistoryQuery, InvalidationResult, Plan } from '../model/invalidation.ts'
import type { Consistency } from '../model/invalidation.ts'
import type { Counts } from './counts.ts'
import type { InvalidationRecords } from './answers.ts'
import type { Held } from './held.ts'
import type { Lower } from './lower.ts'
import type { CacheOptions, Settings } from './options.ts'
import { GraphReach } from './reach.ts'

export interface InvalidationsParts {
  readonly counts: Counts
  readonly events: Events
  readonly graph: Graph
  readonly held: Held
  readonly judge: Judge
  readonly log: Log
  readonly lower: Lower
  readonly settings: Settings
  readonly options: Pick<CacheOptions, 'strategies' | 'consistency'>
  readonly onError: (error: unknown, during: string) => void
}

const noReason = { code: 'E_INVALIDATION_INCOMPLETE', message: 'it did not complete' }

export class Invalidations implements InvalidationRecords {
  readonly #parts: InvalidationsParts
  readonly #history: MemoryHistory
  readonly #queue: MemoryQueue
  readonly #drain: Drain
  readonly #hands: Hands
  /** Those that are carried out now. */
  readonly #running = new Set<Promise<InvalidationResult>>()
  readonly #retries: Readonly<Record<Consistency, RetryRules>>

  constructor(parts: InvalidationsParts) {
    const { settings, options, onError } = parts
    const { clock, random } = settings
    this.#parts = parts
    this.#history = new MemoryHistory({
      clock,
      keepFor: settings.historyKeepMs,
      keepCount: settings.historyKeepCount,
    })
    this.#queue = new MemoryQueue({ sizeMax: options.strategies?.queueMax })
    this.#retries = drainRules(options).retries
    this.#hands = this.#lend()
    this.#drain = new Drain({
      clock,
      random,
      queue: this.#queue,
      history: this.#history,
      // The drain tries again by itself.
      perform: (request) => perform(request, { ...this.#hands, retries: () => ({ retries: 0, delayMs: 0 }) }),
      onRecord: (record) => parts.events.emit('invalidated', record),
      onError,
      strategies: options.strategies,
      consistency: options.consistency,
    })
    void this.#drain.start().catch((error: unknown) => onError(error, 'start of the queue'))
  }

  /** Jobs that wait in the queue. */
  get pending(): number {
    return this.#queue.waiting
  }

  list(query: HistoryQuery = {}): Promise<HistoryPage> {
    return this.#drain.list(query)
  }

  get(id: string): Promise<InvalidationResult | undefined> {
    return this.#drain.get(id)
  }

  cancel(id: string): Promise<InvalidationResult> {
    return this.#drain.cancel(id)
  }

  retry(id: string): Promise<InvalidationResult> {
    return this.#drain.retry(id)
  }

  /** @throws E_INVALIDATION_INCOMPLETE with the record in `details.result` */
  async carryOut(request: InvalidationRequest): Promise<InvalidationResult> {
    this.#parts.counts.invalidations++
    if (isQueued(request.strategy)) return this.#drain.submit(request)
    const running = this.#carryOutNow(request)
    this.#running.add(running)
    return running.finally(() => this.#running.delete(running))
  }

  async #carryOutNow(request: InvalidationRequest): Promise<InvalidationResult> {
    const begun = { ...request, attempts: 1, error: null }
    await this.#history.put(runningRecord(begun, this.#parts.settings.clock.now()))
    const result = await this.#attempt(request)
    await this.#history.put(result)
    this.#parts.events.emit('invalidated', result)
    if (result.status === 'completed') return result
    const { code, message } = result.error ?? noReason
    throw new StaleproofError(code as ErrorCode, message, { details: { result } })
  }

  /** What cannot be carried out at all is on record too. */
  async #attempt(request: InvalidationRequest): Promise<InvalidationResult> {
    try {
      return await perform(request, this.#hands)
    } catch (error) {
      return failedRecord(request, error, this.#parts.settings.clock.now())
    }
  }

  /** What it would reach, and how many entries would go. Nothing is changed. */
  async plan(target: ResolvedTarget): Promise<Plan> {
    const { held, lower, settings } = this.#parts
    const reach = this.#reach(target)
    const memory = await held.countOf(reach.keys())
    const keys = lower.none ? [] : await keysOf(reach, settings)
    const below = await lower.countOf((tier) => keysIn(target, { tier, keys }))
    const { cascade, beyondDepth, cycles } = reach
    return {
      ...target,
      cascade,
      reached: reach.reached,
      truncated: reach.reached > cascade.length,
      beyondDepth,
      cycles,
      entries: { memory, ...below },
    }
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#running)
    await this.#drain.close()
    await this.#queue.close()
    await this.#history.close()
  }

  #lend(): Hands {
    const { settings, held, judge, log, lower } = this.#parts
    return {
      clock: settings.clock,
      tiers: lower.tiers,
      boundMs: ({ consistency }) => settings.boundMs[consistency],
      reach: (request) => this.#reach(request),
      append: (change) => log.append(change),
      droppedNear: (n) => held.takeDroppedAt(n),
      purgeNear: (keys) => held.purge(keys),
      heldNear: (keys) => held.invalidOf(keys),
      isInvalid: (entry) => held.isForeign(entry) || judge.verdict(entry) !== undefined,
      retries: ({ consistency }) => this.#retries[consistency],
    }
  }

  #reach(target: ResolvedTarget): GraphReach {
    const { graph, settings } = this.#parts
    return new GraphReach(graph, target, settings.graph)
  }
}
