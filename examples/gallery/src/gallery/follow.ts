/**
 * Follow: what the daemon says has changed, changes here.
 *
 * Invariants: `start` resolves when the stream stands, so that what is loaded afterwards misses nothing; after a
 * lost connection it goes on behind the last event that was applied; where the daemon cannot tell what was
 * missed (`gap`), everything here goes.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { EventSourceParserStream, type EventSourceMessage } from 'eventsource-parser/stream'
import type { Cache, InvalidationResult } from 'staleproof'

/** An event of the daemon that was applied, and what went here. */
export interface Applied {
  readonly event: 'invalidated' | 'changed' | 'gap'
  /** What the daemon told; null for a change and a gap. */
  readonly told: InvalidationResult | null
  readonly done: InvalidationResult
}

export interface FollowOptions {
  readonly url: string
  readonly cache: Pick<Cache, 'invalidate'>
  readonly onApplied?: (applied: Applied) => void
  readonly onLost?: (why: string) => void
}

type Messages = AsyncIterableIterator<EventSourceMessage>

const retryMs = { first: 100, longest: 5000 }

export class Follow {
  readonly #options: FollowOptions
  readonly #stop = new AbortController()
  #lastId: string | undefined
  #running: Promise<void> | undefined

  constructor(options: FollowOptions) {
    this.#options = options
  }

  /** Resolves once the daemon said `ready`; goes on until `stop`. @throws if the daemon cannot be reached now */
  async start(): Promise<void> {
    const stream = await this.#connect()
    const ready = await stream.next()
    if (ready.done === true) throw new Error('the stream ended')
    await this.#apply(ready.value)
    this.#running = this.#goOn(stream)
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  async #goOn(first: Messages): Promise<void> {
    let failures = 0
    for (let stream: Messages | undefined = first; ; stream = undefined) {
      try {
        for await (const message of stream ?? (await this.#connect())) {
          await this.#apply(message)
          failures = 0
        }
        throw new Error('the stream ended')
      } catch (error) {
        if (this.#stop.signal.aborted) return
        this.#options.onLost?.((error as Error).message)
      }
      const delayMs = Math.min(retryMs.first * 2 ** failures++, retryMs.longest)
      await wait(delayMs, undefined, { signal: this.#stop.signal }).catch(() => undefined)
    }
  }

  async #connect(): Promise<Messages> {
    const headers: Record<string, string> =
      this.#lastId === undefined ? {} : { 'Last-Event-ID': this.#lastId }
    const { ok, status, body } = await fetch(`${this.#options.url}/v1/events`, {
      headers,
      signal: this.#stop.signal,
    })
    if (!ok || body === null) throw new Error(`the daemon answered ${status}`)
    return body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream()).values()
  }

  async #apply({ event, data, id }: EventSourceMessage): Promise<void> {
    if (event === 'gap') await this.#invalidate(event, { all: true }, null)
    if (event === 'changed') await this.#invalidate(event, { names: [JSON.parse(data).name] }, null)
    if (event === 'invalidated') await this.#repeat(JSON.parse(data) as InvalidationResult)
    // Only now: an event that was not applied has to be told again.
    if (id !== undefined) this.#lastId = id
  }

  /** One that still waits in the queue has changed nothing yet; it is told again when it has. */
  async #repeat(told: InvalidationResult): Promise<void> {
    if (told.position === null) return
    const { names, all } = told
    await this.#invalidate('invalidated', { names, all, prefix: told.prefix ?? undefined }, told)
  }

  async #invalidate(
    event: Applied['event'],
    target: { names?: readonly string[]; prefix?: string | undefined; all?: boolean },
    told: InvalidationResult | null,
  ): Promise<void> {
    const reason = told?.reason ?? event
    const done = await this.#options.cache.invalidate(target, { reason, actor: 'daemon' })
    this.#options.onApplied?.({ event, told, done })
  }
}
