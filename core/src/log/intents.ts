/**
 * Intents: names that somebody is about to write at their source, from before the write until after it.
 *
 *   intent --> open: nothing that depends on its names is kept --> ended by a record: by its writer, or since its time ran out
 *
 * Invariants: what an open intent reaches counts as invalidated, whatever its stamp; an intent is opened and ended by
 * records alone, so that all nodes agree on what is open at a position; what it reaches follows the declared graph.
 */
import type { Above, Reached } from './backlog.ts'
import type { LogRecord } from './contract.ts'

/** As it is kept in a dump. */
export interface IntentDump {
  readonly id: string
  /** Position of its record; 0 if that was in another generation. */
  readonly n: number
  readonly names: readonly string[]
  /** When it was appended, and until when its writer wants to be done, ms since 1970. */
  readonly atMs: number
  readonly untilMs: number
}

interface Open extends IntentDump {
  /** Undefined: more than is found in one tick; asked from the other end then. */
  reach: { readonly names: ReadonlySet<string>; readonly prefixes: readonly string[] } | undefined
}

/** What became of an intent that somebody waits for. */
export interface Watched {
  /** It was ended, or lost, before its writer ended it. */
  isLate: boolean
}

/** Undefined: it is too much to be found at once. */
export type ReachOf = (names: readonly string[]) => Reached | undefined

export class Intents {
  readonly #above: Above
  readonly #open = new Map<string, Open>()
  readonly #watched = new Map<string, Watched>()

  constructor(above: Above) {
    this.#above = above
  }

  get size(): number {
    return this.#open.size
  }

  get open(): readonly IntentDump[] {
    return [...this.#open.values()]
  }

  isOpen(id: string): boolean {
    return this.#open.has(id)
  }

  begin({ by: id = '', n, names, atMs, untilMs = atMs }: LogRecord, reachOf: ReachOf): IntentDump {
    const intent = { id, n, names, atMs, untilMs, reach: setOf(reachOf(names)) }
    this.#open.set(id, intent)
    return intent
  }

  /** Ends the intent that the record speaks of. */
  end({ ends, by }: LogRecord): void {
    if (ends === undefined || !this.#open.delete(ends) || by !== undefined) return
    this.#lose(ends)
  }

  /** The declared graph has changed. */
  follow(reachOf: ReachOf): void {
    for (const intent of this.#open.values()) intent.reach = setOf(reachOf(intent.names))
  }

  /** The open intent that reaches the name, if one does. */
  reaching(name: string): IntentDump | undefined {
    for (const intent of this.#open.values()) if (this.#reaches(intent, name)) return intent
    return undefined
  }

  /** Whoever is about to append the intent is told what becomes of it, until `unwatch`. */
  watch(id: string): Watched {
    const watched: Watched = { isLate: false }
    this.#watched.set(id, watched)
    return watched
  }

  unwatch(id: string): void {
    this.#watched.delete(id)
  }

  dump(): IntentDump[] {
    return this.open.map(({ id, n, names, atMs, untilMs }) => ({ id, n, names, atMs, untilMs }))
  }

  /** In place of all that is open. */
  load(dump: readonly IntentDump[], reachOf: ReachOf): void {
    const before = [...this.#open.keys()]
    this.#open.clear()
    for (const intent of dump) this.#open.set(intent.id, { ...intent, reach: setOf(reachOf(intent.names)) })
    for (const id of before) if (!this.#open.has(id)) this.#lose(id)
  }

  #lose(id: string): void {
    const watched = this.#watched.get(id)
    if (watched !== undefined) watched.isLate = true
  }

  #reaches({ names, reach }: Open, name: string): boolean {
    if (reach !== undefined)
      return reach.names.has(name) || reach.prefixes.some((prefix) => name.startsWith(prefix))
    const above = this.#above(name)
    if (above === undefined) return true
    for (const each of above) if (names.includes(each)) return true
    return false
  }
}

function setOf(reach: Reached | undefined): Open['reach'] {
  return reach && { names: new Set(reach.names), prefixes: [...reach.prefixes] }
}
