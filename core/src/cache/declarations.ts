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
import type { Change, Log } from '../log/contract.ts'
import type { EntryParts } from '../model/entry.ts'
import { checkKnown } from '../model/known.ts'
import { checkName, checkNames, listOf } from '../model/name.ts'
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

/** What a name, or all of a pattern, are made from. */
interface MadeFrom {
  readonly dependsOn: string | readonly string[]
}

export class Declarations {
  readonly #parts: DeclarationsParts

  constructor(parts: DeclarationsParts) {
    this.#parts = parts
  }

  async link(name: string, options: MadeFrom): Promise<void> {
    const { graph, log, lower } = this.#parts
    checkName(name)
    const dependsOn = namesIn(options, 'link')
    const linked = new Set(graph.linksOf(name))
    const added = dependsOn.filter((dependency) => !linked.has(dependency))
    // Asked first: if a tier cannot tell what is to be declared besides, nothing is declared.
    const below = await lower.entriesOf(added)
    if (added.length > 0) await log.append({ kind: 'link', names: [name], dependsOn: added })
    await this.#close(dependsOn, below)
  }

  /** What the entry of the name is made from stays declared if something is declared to depend on it. */
  async unlink(name: string, options: Partial<MadeFrom>): Promise<void> {
    const { graph, held, log, lower } = this.#parts
    checkName(name)
    const dependsOn = anyNamesIn(options, 'unlink')
    const below = await lower.entriesOf([name])
    await this.#parts.applier.written()
    const needed = new Set(graph.hasDeclaredDependents(name) ? dependenciesOf(name, held, byKey(below)) : [])
    const removed = (dependsOn ?? graph.linksOf(name)).filter((dependency) => !needed.has(dependency))
    if (removed.length > 0) await log.append({ kind: 'unlink', names: [name], dependsOn: removed })
    await this.#close([name])
  }

  async rule(pattern: string, options: MadeFrom): Promise<void> {
    const { graph, log } = this.#parts
    checkName(pattern, 'pattern')
    const dependsOn = namesIn(options, 'rule')
    const rule = { dependent: pattern, dependsOn }
    checkRule(rule)
    const isKnown = graph.hasRule(rule)
    const below = isKnown ? [] : await this.#entriesBelow(dependsOn)
    if (!isKnown) await log.append({ kind: 'rule', names: [pattern], dependsOn })
    await this.#closeRule(dependsOn, below)
  }

  /** What could not be appended at first is in the log now. @throws E_TIERS_UNREACHABLE, E_LOG_PENDING */
  async written({ kind, names, dependsOn = [] }: Change): Promise<void> {
    if (kind === 'link') await this.#close(dependsOn)
    else if (kind === 'unlink') await this.#close(names)
    else if (kind === 'rule') await this.#closeRule(dependsOn)
  }

  async unrule(pattern: string, options: Partial<MadeFrom>): Promise<void> {
    const { graph, log } = this.#parts
    checkName(pattern, 'pattern')
    const dependsOn = anyNamesIn(options, 'unrule')
    await this.#parts.applier.written()
    const rules = graph.rules().filter((rule) => rule.dependent === pattern)
    for (const rule of rules) {
      if (dependsOn !== undefined && !isSame(rule.dependsOn, dependsOn)) continue
      await log.append({ kind: 'unrule', names: [pattern], dependsOn: rule.dependsOn })
    }
  }

  /**
   * Looks at the names when what is declared of them is in the log: others may have stored one before they knew. So does
   * who declares what is known already: whoever declared it may have come no further.
   */
  async #close(names: readonly string[], before: readonly EntryParts[] = []): Promise<void> {
    await this.#declareDependenciesOf(names, [...before, ...(await this.#parts.lower.entriesOf(names))])
  }

  async #closeRule(patterns: readonly string[], before: readonly EntryParts[] = []): Promise<void> {
    const below = [...before, ...(await this.#entriesBelow(patterns))]
    const keys = below.map(({ key }) => key)
    await this.#declareDependenciesOf([...this.#parts.held.near.keys(), ...keys], below)
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
    const found = byKey(below)
    for (const name of new Set(names)) {
      const dependsOn = inheritance.undeclared(name, dependenciesOf(name, held, found))
      if (dependsOn.length > 0) await log.append({ kind: 'link', names: [name], dependsOn })
    }
  }
}

/** @throws E_OPTIONS_INVALID, E_NAME_INVALID, also if none are given */
function namesIn(options: MadeFrom, what: string): readonly string[] {
  return anyNamesIn(options, what) ?? listOf(undefined, 'dependsOn')
}

/** Undefined: all that there are. */
function anyNamesIn(options: Partial<MadeFrom> | undefined, what: string): readonly string[] | undefined {
  checkKnown(options, ['dependsOn'], what)
  if (options?.dependsOn === undefined) return undefined
  const names = listOf(options.dependsOn, 'dependsOn')
  checkNames(names, 'dependency')
  return names
}

type Made = ReadonlyMap<string, readonly string[]>

/** A key that several tiers hold, or that was found twice, may be made from other things in each. */
function byKey(entries: readonly EntryParts[]): Made {
  const made = new Map<string, string[]>()
  for (const { key, dependencies } of entries) made.set(key, [...(made.get(key) ?? []), ...dependencies])
  return made
}

/** What the name is made from, as far as memory or the tiers below know. */
function dependenciesOf(name: string, held: Held, below: Made): readonly string[] {
  return [...new Set([...held.lineageOf(name), ...(below.get(name) ?? [])])]
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text) => b.includes(text))
}
