/**
 * Applies the records of the log to what this process knows: graph, judge, held entries.
 *
 * Invariants: everything here is synchronous, so that nobody sees half a record; the declared graph is closed: a
 * name that something is declared to depend on has its own tracked dependencies declared too (`promotes`), so that
 * what an invalidation reaches through declared edges never depends on which process holds which entry.
 */
import type { Graph } from '../graph/graph.ts'
import { headOf, parsePattern } from '../graph/pattern.ts'
import type { Rule } from '../graph/rules.ts'
import type { LogRecord } from '../log/contract.ts'
import type { Judge } from '../log/judge.ts'
import type { Events } from '../model/event.ts'
import type { Held } from './held.ts'

export interface ApplierParts {
  readonly graph: Graph
  readonly judge: Judge
  readonly held: Held
  readonly events: Events
}

export class Applier {
  readonly #parts: ApplierParts

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
        this.#parts.graph.removeRule(ruleOf(record))
    }
  }

  #invalidate(record: LogRecord): void {
    const { graph, judge, held, events } = this.#parts
    const reach = graph.declaredReach({ names: record.names, prefixes: record.prefixes ?? [] })
    judge.record(record, reach)
    held.end(record, reach)
    if (record.kind !== 'change' || !events.heard('changed')) return
    for (const name of record.names) events.emit('changed', { name, n: record.n })
  }

  /** What was made from a name that turns out to depend on another shares that one's last invalidation. */
  #link(record: LogRecord): void {
    const { graph, judge, held } = this.#parts
    for (const name of record.names) {
      for (const dependency of record.dependsOn ?? []) {
        if (!graph.link(name, dependency)) continue
        judge.inherit(graph.declaredReach({ names: [name], prefixes: [] }), dependency)
      }
    }
    held.freshSince = record.n
  }

  #unlink(record: LogRecord): void {
    const { graph } = this.#parts
    for (const name of record.names) {
      for (const dependency of record.dependsOn ?? graph.linksOf(name)) graph.unlink(name, dependency)
    }
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
