/**
 * Declarations: links and rules, brought into the log together with what they make necessary.
 *
 * Invariant: the declared graph is closed. A name that something is declared to depend on has its own dependencies
 * declared too, as far as any tier knows them: what was made from a declared dependency of a declared dependency is
 * reached at every node, whoever holds the entry in between.
 */
import type { Graph } from '../graph/graph.ts'
import { headOf, parsePattern } from '../graph/pattern.ts'
import type { Log } from '../log/contract.ts'
import { checkName, checkNames } from '../model/name.ts'
import type { Held } from './held.ts'
import type { Lower } from './lower.ts'
import type { Writer } from './writer.ts'

export interface DeclarationsParts {
  readonly graph: Graph
  readonly held: Held
  readonly log: Log
  readonly lower: Lower
  readonly writer: Writer
}

export class Declarations {
  readonly #parts: DeclarationsParts

  constructor(parts: DeclarationsParts) {
    this.#parts = parts
  }

  async link(name: string, dependsOn: readonly string[]): Promise<void> {
    const { log } = this.#parts
    checkName(name)
    checkNames(dependsOn, 'dependency')
    const linked = new Set(this.#parts.graph.linksOf(name))
    const added = dependsOn.filter((dependency) => !linked.has(dependency))
    if (added.length === 0) return
    await log.append({ kind: 'link', names: [name], dependsOn: added })
    await this.#declareDependenciesOf(added)
  }

  async unlink(name: string, dependsOn: readonly string[] | undefined): Promise<void> {
    checkName(name)
    checkNames(dependsOn ?? [], 'dependency')
    await this.#parts.log.append({
      kind: 'unlink',
      names: [name],
      ...(dependsOn === undefined ? {} : { dependsOn }),
    })
  }

  async rule(pattern: string, dependsOn: readonly string[]): Promise<void> {
    const { graph, log, held, lower } = this.#parts
    if (graph.hasRule({ dependent: pattern, dependsOn })) return
    await log.append({ kind: 'rule', names: [pattern], dependsOn })
    await this.#declareDependenciesOf(held.near.keys())
    for (const text of dependsOn) {
      await this.#declareDependenciesOf(await lower.withPrefix(headOf(parsePattern(text))))
    }
  }

  async unrule(pattern: string, dependsOn: readonly string[] | undefined): Promise<void> {
    const { graph, log } = this.#parts
    const rules = graph.rules().filter((rule) => rule.dependent === pattern)
    for (const rule of rules) {
      if (dependsOn !== undefined && !isSame(rule.dependsOn, dependsOn)) continue
      await log.append({ kind: 'unrule', names: [pattern], dependsOn: rule.dependsOn })
    }
  }

  /** Of those names that are cached and that something is declared to depend on. */
  async #declareDependenciesOf(names: readonly string[]): Promise<void> {
    const { held, log, lower, writer, graph } = this.#parts
    for (const name of names) {
      if (!graph.hasDeclaredDependents(name)) continue
      const near = held.near.look(name)?.dependencies
      const dependencies = near ?? (await lower.find(name, (parts) => parts.dependencies)) ?? []
      const undeclared = writer.undeclared(name, dependencies)
      if (undeclared.length > 0) await log.append({ kind: 'link', names: [name], dependsOn: undeclared })
    }
  }
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text) => b.includes(text))
}
