/**
 * Invalidations: what was asked for, is under way and was done.
 *
 *   immediate, lazy        carried out now
 *   scheduled, background  queued; the drain carries them out, with the same hands
 */
import type { Cascade } from '../graph/cascade.ts'
import type { Graph } from '../graph/graph.ts'
import { isQueued, type InvalidationRequest } from '../invalidation/contract.ts'
import { drainRules, type RetryRules } from '../invalidation/drain-options.ts'
import { Drain } from '../invalidation/drain.ts'
import { MemoryHistory } from '../invalidation/memory-history.ts'
import { MemoryQueue } from '../invalidation/memory-queue.ts'
import { perform, type Hands, type Reach } from '../invalidation/perform.ts'
import type { ResolvedTarget } from '../invalidation/request.ts'
import type { Log } from '../log/contract.ts'
import type { Judge } from '../log/judge.ts'
import { StaleproofError, type ErrorCode } from '../model/errors.ts'
import type { Events } from '../model/event.ts'
import type {
  CascadeItem,
  HistoryPage,
  HistoryQuery,
  InvalidationResult,
  Plan,
} from '../model/invalidation.ts'
import type { Consistency } from '../model/invalidation.ts'
import type { Counts } from './counts.ts'
import type { InvalidationRecords } from './answers.ts'
import type { Held } from './held.ts'
import type { Lower } from './lower.ts'
import type { CacheOptions, Settings } from './options.ts'

export interface InvalidationsParts {
  readonly counts: Counts
  readonly events: Events
  readonly graph: Graph
  readonly held: Held
  readonly judge: Judge
  readonly log: Log
  readonly lower: Lower
  readonly settings: Settings
  readonly options: Pick<CacheOptions<string>, 'strategies' | 'consistency'>
  readonly onError: (error: unknown, during: string) => void
}

/** Names that a record lists, at most. */
const listedMax = 1000

export class Invalidations implements InvalidationRecords {
  readonly #parts: InvalidationsParts
  readonly #history: MemoryHistory
  readonly #queue: MemoryQueue
  readonly #drain: Drain
  readonly #hands: Hands
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
      perform: (request) => perform(request, this.#hands),
      onRecord: (record) => this.#tell(record),
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
    const result = await this.#attempt(request)
    await this.#history.put(result)
    this.#tell(result)
    if (result.status === 'completed') return result
    const { code, message } = result.error ?? {
      code: 'E_INVALIDATION_INCOMPLETE',
      message: 'it did not complete',
    }
    throw new StaleproofError(code as ErrorCode, message, { details: { result } })
  }

  /** What it would reach, and how many entries would go. Nothing is changed. */
  async plan(target: ResolvedTarget): Promise<Plan> {
    const { held, lower } = this.#parts
    const whole = this.#cascade(target)
    const names = [...whole.names()]
    const entries: Record<string, number> = {
      memory: names.filter((name) => held.near.look(name) !== undefined).length,
    }
    for (const tier of lower.tiers) entries[tier.name] = (await tier.held(names)).length
    const { cascade, reached, beyondDepth } = this.#reach(whole)
    return {
      ...target,
      cascade,
      reached,
      truncated: reached > cascade.length,
      beyondDepth,
      cycles: whole.cycles,
      entries,
    }
  }

  async close(): Promise<void> {
    await this.#drain.close()
    await this.#queue.close()
    await this.#history.close()
  }

  /** Tries again, after a wait, what a tier did not carry out: as often as the consistency says. */
  async #attempt(request: InvalidationRequest): Promise<InvalidationResult> {
    const { clock } = this.#parts.settings
    const { retries, delayMs } = this.#retries[request.consistency]
    for (let attempts = 1; ; attempts++) {
      const result = { ...(await perform(request, this.#hands)), attempts }
      if (result.status === 'completed' || attempts > retries) return result
      await new Promise<void>((resolve) => clock.schedule(delayMs, resolve, true))
    }
  }

  #lend(): Hands {
    const { settings, held, judge, log, lower } = this.#parts
    return {
      clock: settings.clock,
      tiers: lower.tiers,
      boundMs: ({ consistency }) => settings.boundMs[consistency],
      reach: (request) => this.#reach(this.#cascade(request)),
      append: (change) => log.append(change),
      droppedNear: (n) => held.takeDroppedAt(n),
      purgeNear: (keys) => held.purge(keys),
      heldNear: (keys) => held.invalidOf(keys),
      isInvalid: (entry) => judge.verdict(entry) !== undefined,
    }
  }

  #cascade({ names, prefix, all }: ResolvedTarget): Cascade {
    const prefixes = all ? [''] : prefix === null ? [] : [prefix]
    return this.#parts.graph.cascade({ names, prefixes }, { cycles: this.#parts.settings.graph.cycles })
  }

  /** The front of a cascade for the record, and as deep as the limit says for the purge. */
  #reach(whole: Cascade): Reach {
    const { maxDepth } = this.#parts.settings.graph
    const cascade: CascadeItem[] = []
    const keys: string[] = []
    for (let place = 0; place < whole.length; place++) {
      const depth = whole.depthAt(place)
      if (place < listedMax)
        cascade.push({ name: whole.nameAt(place), depth, because: whole.becauseAt(place) })
      if (depth <= maxDepth) keys.push(whole.nameAt(place))
    }
    return { cascade, keys, reached: whole.length, beyondDepth: whole.length - keys.length }
  }

  #tell(record: InvalidationResult): void {
    this.#parts.events.emit('invalidated', record)
  }
}
