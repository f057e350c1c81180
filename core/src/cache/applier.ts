/**
 * Applies the records of the log to what this process knows: graph, judge, held entries.
 *
 * What a record reaches is recorded name by name. If that is more than a tick should do, the record is wide: what it
 * may have reached counts as reached, and is written into the ledger in slices.
 *
 * Invariants: a record takes effect within one tick, so that nobody sees half of it; declared edges go only when all
 * wide records are written, since what those reach is found by the edges; the declared graph is closed: a name that
 * something is declared to depend on has its own tracked dependencies declared too (`promotes`), so that what an
 * invalidation reaches through declared edges never depends on which process holds which entry.
 */
import type { Graph } from '../graph/graph.ts'
import { headOf, parsePattern } from '../graph/pattern.ts'
import type { DeclaredReach } from '../graph/reach.ts'
import type { Rule } from '../graph/rules.ts'
import type { Change, LogRecord } from '../log/contract.ts'
import type { IntentDump, ReachOf } from '../log/intents.ts'
import type { Judge, JudgeDump } from '../log/judge.ts'
import type { Clock } from '../model/clock.ts'
import type { Events } from '../model/event.ts'
import { inSlices } from '../model/slices.ts'
import type { Held } from './held.ts'

/**
 * Steps of the declared graph that are taken for a record before it is wide, about a name each. 1,000 take half a
 * millisecond, and as many entries may be dropped at once.
 */
export const stepsMax = 1000

export interface ApplierParts {
  readonly clock: Clock
  readonly graph: Graph
  readonly judge: Judge
  readonly held: Held
  readonly events: Events
  /** An intent is open now. */
  readonly onIntent: (intent: IntentDump) => void
}

/** All that the records amount to, but for what is held. */
export interface AppliedDump {
  /** Undefined: nothing was invalidated. */
  readonly judge: JudgeDump | undefined
  readonly links: readonly (readonly [dependent: string, dependency: string])[]
  readonly rules: readonly Rule[]
  /** Those that are open; undefined: none. */
  readonly intents?: readonly IntentDump[]
}

export class Applier {
  readonly #parts: ApplierParts
  /** Wide records are being written. */
  #isWriting = false

  constructor(parts: ApplierParts) {
    this.#parts = parts
  }

  apply(record: LogRecord): void {
    switch (record.kind) {
      case 'invalidate':
      case 'soft':
      case 'change':
        return this.#invalidate(record)
      case 'intent':
        return this.#begin(record)
      case 'link':
        this.#link(record)
        return this.#follow()
      case 'unlink':
        this.#endOpen(record)
        this.#unlink(record)
        return this.#follow()
      case 'rule':
        this.#rule(record)
        return this.#follow()
      case 'unrule':
        this.#writeAll()
        this.#endOpen(record)
        this.#parts.graph.removeRule(ruleOf(record))
        return this.#follow()
      case 'evict':
        this.#parts.held.evict(record)
    }
  }

  /** How many things a dump holds. */
  get size(): number {
    const { declaredEdges, rules } = this.#parts.graph.sizes()
    return this.#parts.judge.ledger.names + declaredEdges + rules
  }

  /** Whoever takes it in knows no more than it holds: wide records are written first. */
  dump(): AppliedDump {
    const { judge } = this.#parts
    this.#writeAll()
    return { ...this.declared(), judge: judge.dump(), intents: judge.intents.dump() }
  }

  /** What is declared and what is being written, without anything that was invalidated: an empty judge. */
  declared(): AppliedDump {
    const { graph, judge } = this.#parts
    // Of another generation then.
    const intents = judge.intents.dump().map((intent) => ({ ...intent, n: 0 }))
    return { judge: undefined, links: [...graph.links()], rules: graph.rules(), intents }
  }

  /** What the dump declares and this does not. */
  missing(dump: AppliedDump | undefined): readonly Change[] {
    const { graph } = this.#parts
    const links = new Map<string, string[]>()
    for (const [name, dependency] of dump?.links ?? []) {
      if (graph.linksOf(name).includes(dependency)) continue
      links.set(name, [...(links.get(name) ?? []), dependency])
    }
    const rules = (dump?.rules ?? []).filter((rule) => !graph.hasRule(rule))
    return [
      ...[...links].map(([name, dependsOn]): Change => ({ kind: 'link', names: [name], dependsOn })),
      ...rules.map(({ dependent, dependsOn }): Change => ({ kind: 'rule', names: [dependent], dependsOn })),
    ]
  }

  /** Takes a dump in, in place of all that was applied: what is held was judged by what is not known any more. */
  load(dump: AppliedDump | undefined): void {
    const { graph, judge, held } = this.#parts
    held.dropAll()
    judge.load(dump?.judge)
    for (const [dependent, dependency] of [...graph.links()]) graph.unlink(dependent, dependency)
    for (const rule of graph.rules()) graph.removeRule(rule)
    for (const [dependent, dependency] of dump?.links ?? []) graph.link(dependent, dependency)
    for (const rule of dump?.rules ?? []) graph.addRule(rule)
    judge.intents.load(dump?.intents ?? [], this.#reachOf)
    for (const intent of judge.intents.open) this.#parts.onIntent(intent)
  }

  /** Resolves when all wide records up to now are written: who takes declared edges away then need not. */
  async written(): Promise<void> {
    const { clock, judge } = this.#parts
    const { newest } = judge.backlog
    while (judge.backlog.oldest <= newest) await clock.turn()
  }

  /** Drops what is invalid or expired; what a wide record has only perhaps reached need not go. */
  async sweep(): Promise<void> {
    await this.written()
    await this.#parts.held.sweep()
  }

  #invalidate(record: LogRecord): void {
    const { graph, events, judge } = this.#parts
    this.#end(record, graph.declaredReach({ names: record.names, prefixes: record.prefixes ?? [] }))
    // Last: whoever was told of what ended, and reads at once, is to find it open.
    if (record.ends !== undefined) judge.intents.end(record)
    if (record.kind !== 'change' || !events.heard('changed')) return
    for (const name of record.names) events.emit('changed', { name, n: record.n })
  }

  /** First of all it is open: whoever is told of what it ended may load at once. */
  #begin(record: LogRecord): void {
    const intent = this.#parts.judge.intents.begin(record, this.#reachOf)
    this.#invalidate(record)
    this.#parts.onIntent(intent)
  }

  readonly #reachOf: ReachOf = (names) => {
    const reach = this.#parts.graph.declaredReach({ names, prefixes: [] })
    return reach.advance(stepsMax) ? reach : undefined
  }

  /** The declared graph has changed. */
  #follow(): void {
    const { intents } = this.#parts.judge
    if (intents.size > 0) intents.follow(this.#reachOf)
  }

  /** What open intents do not reach any more when edges are gone may have read what was being written. */
  #endOpen(record: LogRecord): void {
    const { graph, judge } = this.#parts
    for (const { names } of judge.intents.open)
      this.#end(record, graph.declaredReach({ names, prefixes: [] }))
    // Nothing may be reached by edges that are about to go.
    if (judge.intents.size > 0) this.#writeAll()
  }

  #end(record: LogRecord, reach: DeclaredReach): void {
    const { judge, held } = this.#parts
    if (reach.advance(stepsMax)) {
      judge.record(record, reach)
      held.end(record, reach)
    } else {
      judge.recordWide(record, reach)
      held.endMany(record)
      if (!this.#isWriting) void this.#write()
    }
  }

  async #write(): Promise<void> {
    const { clock, judge } = this.#parts
    this.#isWriting = true
    while (judge.backlog.size > 0) await inSlices(clock, judge.writing(), () => {})
    this.#isWriting = false
  }

  #writeAll(): void {
    for (const _ of this.#parts.judge.writing());
  }

  /**
   * If what a name is made from, as it turns out, was ever invalidated, then the name may have been made before, and
   * what was made from the name too, whatever their stamps say: it becomes stale, once. Only an entry of the name
   * itself that was made after that invalidation is known to be good.
   */
  #link(record: LogRecord): void {
    for (const name of record.names) {
      const last = this.#addLinks(name, record)
      if (last > 0) this.#endLinked(record, { name, last })
    }
  }

  /** @returns the position at or before which all that was newly linked was invalidated last; 0: never */
  #addLinks(name: string, { dependsOn = [], n }: LogRecord): number {
    const { graph, judge } = this.#parts
    const added = dependsOn.filter((dependency) => graph.link(name, dependency))
    if (added.length === 0) return 0
    // What is being written may be in a generation that nothing was invalidated in.
    const isWritten =
      judge.intents.size > 0 && added.some((name) => judge.intents.reaching(name) !== undefined)
    return Math.max(isWritten ? n : judge.ledger.low, ...added.map((dependency) => judge.lastOf(dependency)))
  }

  #endLinked(record: LogRecord, { name, last }: { name: string; last: number }): void {
    const { graph, held, judge } = this.#parts
    const entry = held.near.look(name)
    const isGood = entry !== undefined && entry.stamp >= last && judge.verdict(entry) === undefined
    if (isGood) entry.keyStamp = record.n
    this.#end({ ...record, kind: 'invalidate' }, graph.declaredReach({ names: [name], prefixes: [] }))
  }

  /**
   * What is declared to depend on the names may rest on what those were made from: it becomes stale, once. If that is
   * very much, so do the names themselves, if they are judged before it is written.
   */
  #unlink(record: LogRecord): void {
    const { graph } = this.#parts
    this.#writeAll()
    for (const name of record.names) {
      for (const dependency of record.dependsOn ?? []) graph.unlink(name, dependency)
    }
    this.#end(record, graph.declaredDependents(record.names))
  }

  /** A new rule makes stale, once, all that it speaks of: what it reaches of the past cannot be told name by name. */
  #rule(record: LogRecord): void {
    const rule = ruleOf(record)
    if (!this.#parts.graph.addRule(rule)) return
    const head = headOf(parsePattern(rule.dependent))
    this.#invalidate({ ...record, kind: 'invalidate', names: [], prefixes: [head] })
  }
}

function ruleOf({ names, dependsOn = [] }: LogRecord): Rule {
  return { dependent: names[0] as string, dependsOn }
}
