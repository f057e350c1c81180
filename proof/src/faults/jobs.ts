/**
 * Jobs: what nodes were told is in the queue, and what became of it.
 *
 * What was accepted ends, whoever dies, for as long as the server keeps what it acknowledged. Where it lost something
 * (FLUSHALL, the end of its file, a promotion for which nobody waited for replicas) what was put in before may be gone:
 * nothing is demanded of that.
 */
import type { Word } from './said.ts'

export class Jobs {
  /** id -> when it was asked for; accepted, and not known to have ended. */
  readonly #open = new Map<string, number>()
  /** Those whose end was told before that they were accepted: another node was faster. */
  readonly #ended = new Set<string>()
  accepted = 0
  /** How they ended -> how many. */
  readonly ends = new Map<string, number>()
  /** Accepted ones of which nothing is demanded. */
  excused = 0
  #lostAt = 0

  take(word: Word): void {
    if (word.say === 'queued') this.#accept(word.id, word.began)
    if (word.say === 'ended') this.#end(word.id, word.how)
  }

  /** The server may have lost what was asked for until then. */
  lost(at: number): void {
    for (const [id, began] of this.#open) {
      if (began > at) continue
      this.#open.delete(id)
      this.excused++
    }
    this.#lostAt = at
  }

  /** Those that have to be accounted for. */
  get open(): readonly string[] {
    return [...this.#open.keys()]
  }

  #accept(id: string, began: number): void {
    this.accepted++
    if (this.#ended.has(id)) return
    if (began <= this.#lostAt) this.excused++
    else this.#open.set(id, began)
  }

  #end(id: string, how: string): void {
    if (this.#ended.has(id)) return
    this.#ended.add(id)
    this.#open.delete(id)
    this.ends.set(how, (this.ends.get(how) ?? 0) + 1)
  }
}
