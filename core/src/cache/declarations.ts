/**
 * Declarations: links and rules, brought into the log together with what they make necessary.
 *
 * Invariant: the declared graph is closed. A name that something is declared to depend on has its own dependencies
 * declared too, as far as any tier knows them: what was made from a declared dependency of a declared dependency is
 * reached at every node, whoever holds the entry in between.
 */
import type { Graph } from '../graph/graph.ts'
import { headOf, parsePattern } from '../graph/pattern.ts'
import { checkRule } from '../graph/rules.ts'
import type { Log } from '../log/contract.ts'
import type { EntryParts } from '../model/entry.ts'
import { checkName, checkNames } from '../model/name.ts'
import type { Applier } from './applier.ts'
import type { Held } from './held.ts'
import type { Lower } from './lower.ts'
import type { Inheritance } from './inheritance.ts'

export interface DeclarationsParts {
  readonly applier: Applier
  readonly graph: Graph
  readonly held: Held
  readonly log: Log
  readonly lower: Lower
  readonly inheritance: Inheritance
}

export class Declarations {
  readonly #parts: DeclarationsParts
  /** In the log, though perhaps not with all that they make necessary: who declares them again is not told that all is done. */
  readonly #unfinished = new Set<string>()

  constructor(parts: DeclarationsParts) {
    this.#parts = parts
  }

  async link(name: string, dependsOn: readonly string[]): Promise<void> {
    const { graph, log, lower } = this.#parts
    checkName(name)
    checkNames(dependsOn, 'dependency')
    const linked = new Set(graph.linksOf(name))
    const isDone = (dependency: string) => linked.has(dependency) && !this.#unfinished.has(dependency)
    const added = dependsOn.filter((dependency) => !isDone(dependency))
    if (added.length === 0) return
    // Asked first: if a tier cannot tell what is to be declared besides, nothing is declared.
    const below = await lower.entriesOf(added)
    await log.append({ kind: 'link', names: [name], dependsOn: added })
    await this.#finish(added, async () => {
      // Again: others may have stored one before they knew.
      const since = await lower.entriesOf(added)
      await this.#declareDependenciesOf(added, [...below, ...since])
    })
  }

  /** What the entry of the name is made from stays declared if something is declared to depend on it. */
  async unlink(name: string, dependsOn: readonly string[] | undefined): Promise<void> {
    const { graph, held, log, lower } = this.#parts
    checkName(name)
    checkNames(dependsOn ?? [], 'dependency')
    const below = await lower.entriesOf([name])
    await this.#parts.applier.written()
    const needed = new Set(graph.hasDeclaredDependents(name) ? dependenciesOf(name, held, below) : [])
    const removed = (dependsOn ?? graph.linksOf(name)).filter((dependency) => !needed.has(dependency))
    if (removed.length === 0) return
    await log.append({ kind: 'unlink', names: [name], dependsOn: removed })
    // Others may have stored it meanwhile.
    await this.#declareDependenciesOf([name], await lower.entriesOf([name]))
  }

  async rule(pattern: string, dependsOn: readonly string[]): Promise<void> {
    const { graph, log, held } = this.#parts
    const rule = { dependent: pattern, dependsOn }
    checkRule(rule)
    if (graph.hasRule(rule) && !this.#unfinished.has(pattern)) return
    const below = await this.#entriesBelow(dependsOn)
    await log.append({ kind: 'rule', names: [pattern], dependsOn })
    await this.#finish([pattern], async () => {
      const since = await this.#entriesBelow(dependsOn)
      const keys = [...below, ...since].map(({ key }) => key)
      await this.#declareDependenciesOf([...held.near.keys(), ...keys], [...below, ...since])
    })
  }

  async unrule(pattern: string, dependsOn: readonly string[] | undefined): Promise<void> {
    const { graph, log } = this.#parts
    await this.#parts.applier.written()
    const rules = graph.rules().filter((rule) => rule.dependent === pattern)
    for (const rule of rules) {
      if (dependsOn !== undefined && !isSame(rule.dependsOn, dependsOn)) continue
      await log.append({ kind: 'unrule', names: [pattern], dependsOn: rule.dependsOn })
    }
  }

  async #finish(names: readonly string[], work: () => Promise<void>): Promise<void> {
    for (const name of names) this.#unfinished.add(name)
    await work()
    for (const name of names) this.#unfinished.delete(name)
  }

  /** Of all names that the patterns may mean. */
  async #entriesBelow(patterns: readonly string[]): Promise<readonly EntryParts[]> {
    const { lower } = this.#parts
    const heads = patterns.map((text) => headOf(parsePattern(text)))
    const keys = await Promise.all(heads.map((head) => lower.withPrefix(head)))
    return lower.entriesOf(keys.flat())
  }

  /** Of those names that are cached and that something is declared to depend on. */
  async #declareDependenciesOf(names: readonly string[], below: readonly EntryParts[]): Promise<void> {
    const { held, log, inheritance } = this.#parts
    for (const name of names) {
      const dependsOn = inheritance.undeclared(name, dependenciesOf(name, held, below))
      if (dependsOn.length > 0) await log.append({ kind: 'link', names: [name], dependsOn })
    }
  }
}

/** What the name is made from, as far as memory or the tiers below know. */
function dependenciesOf(name: string, held: Held, below: readonly EntryParts[]): readonly string[] {
  const lower = below.filter(({ key }) => key === name).flatMap(({ dependencies }) => dependencies)
  return [...new Set([...held.lineageOf(name), ...lower])]
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text) => b.includes(text))
}
