/**
 * Work: what the clients of a simulation do with the caches, and what each answer entitles readers to.
 *
 * Invariants: a source is written before it is invalidated (hole A1); what is demanded is only what a call promised that
 * resolved, or rejected with the word that no reader is served the old values.
 */
import { Loading } from './loading.ts'
import { outlastMs, type Node } from './node.ts'
import type { Made } from './truth.ts'
import { wordsOf, type World } from './world.ts'

const boundMs = 5000
/** Of what a call does besides waiting for leases, with a server that is well. */
const aboutMs = 600
/** After so long without a fault, what it led to is over. */
const calmMs = 6000

type Consistency = 'strict' | 'eventual'

/** A call that promised something which cannot be demanded yet. */
interface Written {
  readonly source: number
  readonly version: number
}

export class Work {
  readonly #world: World
  readonly #loadings = new WeakMap<Node, Loading>()
  /** The link of keys to the hidden source: how many losses there had been when it resolved. */
  #linkedAt: number | undefined
  /** Of each source, the newest version that was invalidated, or will be for certain. */
  readonly covered: number[]
  /** Source and version whose invalidation is kept by a node until it can be appended. */
  readonly owed: (Written & { readonly node: Node })[] = []
  /** Who linked last: as long as it lives, the links do. */
  linker: Node | undefined
  calls = 0
  strictCalls = 0

  constructor(world: World) {
    this.#world = world
    this.covered = world.truth.names.map(() => 0)
  }

  /** One thing, by chance, at one node. */
  step(): void {
    const { chance, nodes } = this.#world
    const node = chance.pick(nodes)
    if (node.isDead) return
    this.calls++
    const what = chance.choose<(node: Node) => Promise<unknown>>([
      [10, (at) => this.#read(at)],
      [2, (at) => this.loading(at).get(this.#key())],
      [1, (at) => this.#readMany(at)],
      [6, (at) => this.#change(at)],
      [1, (at) => this.#set(at)],
      [2, (at) => this.#fill(at)],
      [1.5, (at) => this.link(at)],
      [1, (at) => this.#endKey(at)],
    ])
    node.machine.receive(() => {
      what(node).catch((error: unknown) => this.#failed(node, error))
    })
  }

  loading(node: Node): Loading {
    let loading = this.#loadings.get(node)
    if (loading === undefined) this.#loadings.set(node, (loading = new Loading(this.#world, node)))
    return loading
  }

  /** @returns whether it is in force */
  async invalidate(node: Node, source: number, consistency: Consistency): Promise<void> {
    const { truth, timeline, chance } = this.#world
    const version = truth.version(source)
    const isLinked = this.#linkedAt === this.#world.losses
    const name = truth.names[source] as string
    const target = chance.is(0.1) ? { prefix: name } : name
    const strategy = chance.is(this.#world.plan.lazy) ? 'lazy' : 'immediate'
    const at = timeline.now
    if (consistency === 'strict') this.#watchTime(node, `invalidate ${name}`)
    this.#world.tell(`${node.name} invalidates ${name} at ${version}, ${consistency}`)
    const isInForce = await this.#inForce(node, { source, version }, () =>
      node.cache.invalidate(target, { strategy, consistency }),
    )
    this.#world.tell(
      `${node.name} invalidated ${name} at ${version}, ${consistency}, since ${at.toFixed(1)}: ${isInForce ? 'in force' : 'not known'}`,
    )
    if (!isInForce) return
    this.covered[source] = Math.max(version, this.covered[source] as number)
    if (source === this.#world.plan.hidden && !(isLinked && this.#linkedAt === this.#world.losses)) return
    if (consistency === 'strict') truth.demand(source, version)
    else truth.demandFrom(timeline.now + boundMs, source, version)
  }

  /** Strict calls that are under way, with the time by which they have to have ended. */
  readonly #timed = new Map<number, { node: Node; what: string; from: number }>()
  #calls = 0

  #watchTime(node: Node, what: string): void {
    const { timeline } = this.#world
    const call = this.#calls++
    this.strictCalls++
    this.#timed.set(call, { node, what, from: timeline.now })
    this.#current = call
    timeline.after(outlastMs * 1.01 + aboutMs, () => {
      const timed = this.#timed.get(call)
      if (timed === undefined) return
      const { disturbedAt, isDead, isTierFailing } = timed.node
      if (isTierFailing) return
      const last = Math.max(disturbedAt, this.#world.serverDisturbedAt)
      if (isDead || last > timed.from - calmMs) return
      this.#world.judge.report(16, `${node.name}: ${what} does not end, called at ${timed.from.toFixed(1)}`)
    })
  }

  #current: number | undefined

  async #inForce(node: Node, written: Written, call: () => Promise<unknown>): Promise<boolean> {
    const current = this.#current
    this.#current = undefined
    try {
      await call()
      return true
    } catch (error) {
      const { code } = error as { code?: string }
      if (code === 'E_LOG_PENDING') this.owed.push({ ...written, node })
      this.#failed(node, error)
      // A tier could not purge: nobody is served what it holds all the same.
      return code === 'E_INVALIDATION_INCOMPLETE'
    } finally {
      if (current !== undefined) this.#timed.delete(current)
    }
  }

  #read(node: Node): Promise<unknown> {
    return this.loading(node).getOrSet(this.#key())
  }

  async #readMany(node: Node): Promise<void> {
    const { judge, keys } = this.#world
    const readings = keys.map((key) => judge.begin(node, key))
    const values = await node.cache.getMany<Made>(keys)
    for (const reading of readings) judge.end(reading, values.get(reading.key), 'gets many')
  }

  async #change(node: Node): Promise<void> {
    const { truth, chance, plan } = this.#world
    const source = chance.below(plan.sources)
    truth.write(source)
    await this.invalidate(node, source, chance.is(0.75) ? 'strict' : 'eventual')
  }

  /** A value made in this tick from sources alone. */
  #madeNow(
    node: Node,
    key: number,
    generation: string,
  ): { made: Made; names: readonly string[] } | undefined {
    const { truth, timeline, keys, plan } = this.#world
    const recipe = plan.recipes[key] ?? []
    if (recipe.some(({ of }) => of !== 'source')) return undefined
    const versions = truth.names.map(() => Infinity)
    for (const one of recipe) if (one.of === 'source') versions[one.source] = truth.version(one.source)
    const made = { key: keys[key] as string, versions, madeAt: timeline.now, node: node.name, generation }
    const names = truth.names.filter((_, i) => versions[i] !== Infinity)
    return { made: truth.make(made), names }
  }

  async #set(node: Node): Promise<void> {
    const key = this.#key()
    const value = this.#madeNow(node, key, node.member.generation)
    if (value === undefined) return
    await node.cache.set(value.made.key, value.made, { dependsOn: value.names })
  }

  /** By somebody who has his token and what he read from another node. */
  async #fill(node: Node): Promise<void> {
    const { chance, nodes, keys } = this.#world
    const other = chance.pick(nodes)
    const key = chance.below(keys.length)
    if (!other.isRunning) return
    const since = other.cache.token()
    const generation = other.member.generation
    const value = this.#madeNow(other, key, generation) ?? (await this.#madeOf(other, key, generation))
    if (value === undefined) return
    const dependsOn = value.names
    await new Promise<void>((resolve) => {
      this.#world.timeline.after(chance.between(0, 300), () => node.machine.receive(resolve))
    })
    this.#world.tell(
      `${node.name} fills ${value.made.key} with value ${value.made.id} since ${since.slice(-6)}`,
    )
    await node.cache.fill(value.made.key, value.made, { since, dependsOn })
  }

  /** The same as its loader makes it, from other values read at that node; the names of those are what it depends on. */
  async #madeOf(
    node: Node,
    key: number,
    generation: string,
  ): Promise<{ made: Made; names: readonly string[] } | undefined> {
    const { truth, timeline, keys, plan } = this.#world
    const recipe = plan.recipes[key] ?? []
    if (recipe.some(({ of }) => of === 'hidden')) return undefined
    const madeAt = timeline.now
    const versions = truth.names.map(() => Infinity)
    const names: string[] = []
    for (const one of recipe) {
      if (one.of === 'key') {
        const input = await this.loading(node).getOrSet(one.key)
        const held = node.isDead ? undefined : node.cache.peek<Made>(keys[one.key] as string)
        // Of what is not held nobody can tell what it was made from.
        if (held?.id !== input.id) return undefined
        names.push(keys[one.key] as string)
        // Without a tier that all share, nobody else can tell what that is made from.
        if (!plan.hasTier) names.push(...truth.names.filter((_, i) => input.versions[i] !== Infinity))
        for (const [i, version] of input.versions.entries())
          versions[i] = Math.min(version, versions[i] as number)
      } else {
        names.push(truth.names[one.source] as string)
        versions[one.source] = Math.min(
          versions[one.source] as number,
          await this.loading(node).source(one.source),
        )
      }
    }
    return {
      made: truth.make({ key: keys[key] as string, versions, madeAt, node: node.name, generation }),
      names,
    }
  }

  /** Keys that are made from the hidden source are linked to it, by way of another name, in any order. */
  async link(node: Node): Promise<void> {
    const { plan, keys, truth, chance, losses } = this.#world
    const linked = keys.filter((_, i) => plan.recipes[i]?.some(({ of }) => of === 'hidden'))
    const hidden = truth.names[plan.hidden] as string
    const links: [string, string][] = [
      ...linked.map((key): [string, string] => [key, 'between']),
      ['between', hidden],
    ]
    if (chance.is(0.5)) links.reverse()
    if (chance.is(0.3)) await node.cache.unlink('other', { dependsOn: hidden }).catch(() => undefined)
    for (const [name, dependsOn] of links) await node.cache.link(name, { dependsOn })
    this.#linkedAt = losses
    this.linker = node
  }

  #endKey(node: Node): Promise<unknown> {
    const key = this.#world.keys[this.#key()] as string
    return node.cache.invalidate(key, { consistency: 'eventual' })
  }

  #key(): number {
    return this.#world.chance.below(this.#world.keys.length)
  }

  #failed(node: Node, error: unknown): void {
    const { code } = error as { code?: string }
    if (code === 'E_TOKEN_INVALID')
      this.#world.judge.report(13, `${node.name}: its own token is refused: ${wordsOf(error)}`)
    if (code === undefined && !/Command timed out|ECONNREFUSED|Connection is closed/.test(String(error)))
      this.#world.judge.report(0, `${node.name} failed: ${(error as Error).stack ?? String(error)}`)
    this.#world.tell(`${node.name} rejects: ${wordsOf(error)}`)
  }
}
