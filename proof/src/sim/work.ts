/**
 * Work: what the clients of a simulation do with the caches, and what each answer entitles readers to.
 *
 * Invariants: a source is written before it is invalidated (hole A1); what is demanded is only what a call promised that
 * resolved, or rejected with the word that no reader is served the old values.
 */
import { awayText, Loading } from './loading.ts'
import { outlastMs, type Node } from './node.ts'
import { awaySource, isAway } from './plan.ts'
import type { Made } from './truth.ts'
import { boundMs, wordsOf, type World } from './world.ts'

/** Of what a call does besides waiting for leases, with a server that is well. */
const aboutMs = 600
/** After so long without a fault, what it led to is over. */
const calmMs = 6000

/** How long a write may take; and by when the others have it covered, if the writer is dead. */
const withinMs = 1000
const coveredMs = 8000

const expected = new RegExp(`Command timed out|ECONNREFUSED|Connection is closed|${awayText}`)

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
  /** Somebody dies in the middle of something. */
  onDeath: (node: Node) => void = () => undefined
  strictCalls = 0

  constructor(world: World) {
    this.#world = world
    this.covered = world.truth.names.map(() => 0)
    world.onClaimed = (name) => this.#mayDie(name)
  }

  /** One thing, by chance, at one node. */
  step(): void {
    const { chance, nodes, plan } = this.#world
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
      [1.5, (at) => this.#handOn(at)],
      [plan.isQueued ? 3 : 0, (at) => this.#enqueue(at)],
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

  /** One record for all of them. */
  async invalidate(node: Node, sources: readonly number[], how: Consistency | 'soft'): Promise<void> {
    const { truth, chance, plan } = this.#world
    const names = sources.map((source) => truth.names[source] as string)
    const isSoft = how === 'soft'
    const consistency = isSoft ? 'eventual' : how
    const [name] = names as [string]
    const target = names.length === 1 && !isSoft && chance.is(0.1) ? { prefix: name } : { names }
    const strategy = chance.is(plan.lazy) ? 'lazy' : 'immediate'
    const mode = isSoft ? 'soft' : 'purge'
    const written = sources.map((source) => ({ source, version: truth.version(source) }))
    if (consistency === 'strict') this.#watchTime(node, `invalidate ${names.join(', ')}`)
    await this.#promise(node, { written, consistency }, () =>
      node.cache.invalidate(target, { strategy, consistency, mode }),
    )
  }

  /** It is demanded when it is in force. */
  async #promise(
    node: Node,
    { written, consistency }: { readonly written: readonly Written[]; readonly consistency: Consistency },
    call: () => Promise<unknown>,
  ): Promise<void> {
    const { truth, timeline } = this.#world
    const at = timeline.now
    const isLinked = this.#linkedAt === this.#world.losses
    const what = () => written.map(({ source, version }) => `${truth.names[source]} at ${version}`).join(', ')
    this.#world.tell(`${node.name} invalidates ${what()}, ${consistency}`)
    const isInForce = await this.#inForce(node, written, call)
    this.#world.tell(
      `${node.name} invalidated ${what()}, ${consistency}, since ${at.toFixed(1)}: ${isInForce ? 'in force' : 'not known'}`,
    )
    if (!isInForce) return
    for (const { source, version } of written) {
      this.covered[source] = Math.max(version, this.covered[source] as number)
      const isSure = source !== this.#world.plan.hidden || (isLinked && this.#linkedAt === this.#world.losses)
      if (!isSure) continue
      if (consistency === 'strict') truth.demand(source, version)
      else truth.demandFrom(timeline.now + boundMs, source, version)
    }
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

  async #inForce(node: Node, written: readonly Written[], call: () => Promise<unknown>): Promise<boolean> {
    const current = this.#current
    this.#current = undefined
    try {
      await call()
      return true
    } catch (error) {
      const { code } = error as { code?: string }
      if (code === 'E_LOG_PENDING') this.owed.push(...written.map((one) => ({ ...one, node })))
      this.#failed(node, error)
      // A tier could not purge: nobody is served what it holds all the same. A write that came late was invalidated once more.
      return code === 'E_INVALIDATION_INCOMPLETE' || code === 'E_MUTATE_LATE'
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
    const { truth, chance, plan, timeline } = this.#world
    const sources = [chance.is(plan.favour) ? 0 : chance.below(plan.sources)]
    if (chance.is(0.2)) sources.push((sources[0] as number) === 0 ? 1 : 0)
    // What is stale for long was not purged meanwhile.
    const isSoft = chance.is(plan.soft) || (plan.awayMs > 0 && sources.includes(awaySource))
    const consistency = !isSoft && chance.is(0.75) ? 'strict' : 'eventual'
    if (!isSoft && chance.is(plan.mutated)) return this.#mutate(node, sources, consistency)
    for (const source of sources) truth.write(source, timeline.now)
    await this.invalidate(node, sources, isSoft ? 'soft' : consistency)
  }

  /** What it is to end is demanded when it is done, by whichever node (Jobs). */
  async #enqueue(node: Node): Promise<void> {
    const { truth, chance, plan, timeline } = this.#world
    const sources = truth.names.flatMap((_, source) => {
      // What is linked depends on links, and what is stale for long is not purged meanwhile.
      const isLeftOut = source === plan.hidden || (plan.awayMs > 0 && source === awaySource)
      return isLeftOut || chance.is(0.5) ? [] : [source]
    })
    if (sources.length === 0) return
    for (const source of sources) truth.write(source, timeline.now)
    const names = sources.map((source) => truth.names[source] as string)
    const strategy = chance.pick(['background', 'scheduled'] as const)
    const consistency = chance.is(0.75) ? 'strict' : 'eventual'
    const { id } = await node.cache.invalidate(names, { strategy, consistency })
    this.#world.tell(`${node.name} queued ${id.slice(-6)}: ${names.join(', ')}, ${consistency}, ${strategy}`)
    if (chance.is(0.8)) return
    await this.#pause(node, chance.between(0, 2000))
    const { invalidations } = node.cache
    await (chance.is(0.5) ? invalidations.cancel(id) : invalidations.runNow(id))
  }

  /** Who has claimed jobs, somewhere in the middle of them. */
  #mayDie(name: string): void {
    const { chance, timeline, nodes, plan } = this.#world
    if (!plan.faults.includes('kill') || !chance.is(0.2)) return
    timeline.after(chance.between(0, 100), () => {
      const node = nodes.find((one) => one.name === name)
      if (node !== undefined) this.onDeath(node)
    })
  }

  /** The source is written in the middle of the call; who dies over it is covered by the others, in time. */
  async #mutate(node: Node, sources: readonly number[], consistency: Consistency): Promise<void> {
    const { truth, chance, timeline, losses, plan } = this.#world
    const names = sources.map((source) => truth.names[source] as string)
    const written: Written[] = []
    const write = async () => {
      await this.#pause(node, chance.between(0, 300))
      written.push(...sources.map((source) => ({ source, version: truth.write(source, timeline.now) })))
      timeline.after(withinMs + coveredMs, () => {
        if (!node.isDead || this.#world.losses !== losses) return
        for (const { source, version } of written)
          if (source !== this.#world.plan.hidden) truth.demand(source, version)
      })
      if (chance.is(0.2) && plan.faults.includes('kill')) this.onDeath(node)
      await this.#pause(node, chance.between(0, 300))
    }
    const call = () => node.cache.mutate(names, write, { consistency, within: withinMs })
    await this.#promise(node, { written, consistency }, call)
  }

  #pause(node: Node, ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#world.timeline.after(ms, () => node.machine.receive(resolve))
    })
  }

  /** Somebody is told of a change with its token, and looks at another node. */
  async #handOn(node: Node): Promise<void> {
    const { truth, chance, plan, timeline, nodes, judge, keys } = this.#world
    const source = chance.below(plan.sources)
    truth.write(source, timeline.now)
    const { position, token } = await node.cache.invalidate(truth.names[source] as string, {
      consistency: 'relaxed',
    })
    if (position === null || token === null) return
    await this.#pause(node, chance.between(0, 50))
    const other = chance.pick(nodes)
    if (!other.isRunning) return
    await other.cache.upTo(token)
    const readings = keys.map((key) => judge.begin(other, key, position))
    const values = await other.cache.getMany<Made>(keys)
    for (const reading of readings) judge.end(reading, values.get(reading.key), 'gets with a token')
  }

  /** A value made in this tick from sources alone. */
  #madeNow(
    node: Node,
    key: number,
    generation: string,
  ): { made: Made; names: readonly string[] } | undefined {
    const { truth, timeline, keys, plan } = this.#world
    const recipe = plan.recipes[key] ?? []
    if (recipe.some(({ of }) => of !== 'source') || this.#isAway(key)) return undefined
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
    await this.#pause(node, chance.between(0, 300))
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
    if (recipe.some(({ of }) => of === 'hidden') || this.#isAway(key)) return undefined
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
    const { cache } = node
    const declarations = plan.isByRule
      ? [() => cache.rule('k:{any}', { dependsOn: 'between' })]
      : linked.map((key) => () => cache.link(key, { dependsOn: 'between' }))
    declarations.push(() => cache.link('between', { dependsOn: hidden }))
    if (chance.is(0.5)) declarations.reverse()
    if (chance.is(0.3)) await cache.unlink('other', { dependsOn: hidden }).catch(() => undefined)
    for (const declare of declarations) await declare()
    this.#linkedAt = losses
    this.linker = node
  }

  #endKey(node: Node): Promise<unknown> {
    const key = this.#key()
    if (this.#isAway(key)) return Promise.resolve()
    return node.cache.invalidate(this.#world.keys[key] as string, { consistency: 'eventual' })
  }

  /** It cannot be made now, and what there is of it stays. */
  #isAway(key: number): boolean {
    const { plan, timeline } = this.#world
    const recipe = plan.recipes[key] ?? []
    return recipe.some((one) => one.of === 'source' && isAway(plan, one.source, timeline.now))
  }

  #key(): number {
    return this.#world.chance.below(this.#world.keys.length)
  }

  #failed(node: Node, error: unknown): void {
    const { code } = error as { code?: string }
    if (code === 'E_TOKEN_INVALID')
      this.#world.judge.report(13, `${node.name}: its own token is refused: ${wordsOf(error)}`)
    if (code === undefined && !expected.test(String(error)))
      this.#world.judge.report(0, `${node.name} failed: ${(error as Error).stack ?? String(error)}`)
    this.#world.tell(`${node.name} rejects: ${wordsOf(error)}`)
  }
}
