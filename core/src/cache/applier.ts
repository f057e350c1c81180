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
}

/** All that the records amount to, but for what is held. */
export interface AppliedDump {
  /** Undefined: nothing was invalidated. */
  readonly judge: JudgeDump | undefined
  readonly links: readonly (readonly [dependent: string, dependency: string])[]
  readonly rules: readonly Rule[]
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
      case 'link':
        return this.#link(record)
      case 'unlink':
        return this.#unlink(record)
      case 'rule':
        return this.#rule(record)
      case 'unrule':
        this.#writeAll()
        this.#parts.graph.removeRule(ruleOf(record))
        return
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
    const { graph, judge } = this.#parts
    this.#writeAll()
    return { judge: judge.dump(), links: [...graph.links()], rules: graph.rules() }
  }

  /** What is declared, without anything that was invalidated: an empty judge. */
  declared(): AppliedDump {
    const { graph } = this.#parts
    return { judge: undefined, links: [...graph.links()], rules: graph.rules() }
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
    const { graph, events } = this.#parts
    this.#end(record, graph.declaredReach({ names: record.names, prefixes: record.prefixes ?? [] }))
    if (record.kind !== 'change' || !events.heard('changed')) return
    for (const name of record.names) events.emit('changed', { name, n: record.n })
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
      const last = this.#addLinks(name, record.dependsOn ?? [])
      if (last > 0) this.#endLinked(record, { name, last })
    }
  }

  /** @returns the position at or before which all that was newly linked was invalidated last; 0: never */
  #addLinks(name: string, dependsOn: readonly string[]): number {
    const { graph, judge } = this.#parts
    const added = dependsOn.filter((dependency) => graph.link(name, dependency))
    if (added.length === 0) return 0
    return Math.max(judge.ledger.low, ...added.map((dependency) => judge.lastOf(dependency)))
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
