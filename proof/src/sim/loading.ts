/**
 * Loaders of the simulation: how a value is made from sources and other values, each over a way of its own.
 */
import type { Load } from 'staleproof'
import { trueTime } from './machine.ts'
import { lagMs, type Node } from './node.ts'
import { isAway, type Ingredient, type PolicyName } from './plan.ts'
import type { Made } from './truth.ts'
import type { World } from './world.ts'

/** Reads a key as a client does, or as a loader. */
type Reads = Pick<Load, 'get' | 'getOrSet'>

export const awayText = 'the source is away'

export class Loading {
  readonly #world: World
  readonly #node: Node

  constructor(world: World, node: Node) {
    this.#world = world
    this.#node = node
  }

  /** @param load what reads are made through; undefined: the cache itself */
  async getOrSet(key: number, load?: Reads): Promise<Made> {
    const name = this.#world.keys[key] as string
    const reads: Reads = load ?? this.#node.cache
    const options = { policy: this.#world.plan.policies[key] as PolicyName }
    const read = () =>
      this.#world.turns.during({ node: this.#node, key }, (around) =>
        reads.getOrSet<Made>(name, (inner) => around(() => this.#make(key, inner)), options),
      )
    return this.#judged(key, 'gets', read) as Promise<Made>
  }

  get(key: number, load?: Reads): Promise<Made | undefined> {
    const reads: Reads = load ?? this.#node.cache
    return this.#judged(key, 'finds', () => reads.get<Made>(this.#world.keys[key] as string))
  }

  /** Of a replica: it is as of a moment that is known before it is read, if that is how the run goes. */
  async #lagging(source: number, load: Load): Promise<number> {
    const { timeline, plan } = this.#world
    const knownAt = timeline.now - this.#node.chance.between(0, lagMs)
    if (plan.isAsOf) load.asOf(trueTime(knownAt))
    return this.source(source, knownAt)
  }

  /** The version that a source has when it is asked. @param knownAt one that lags is asked, which has all from before then */
  source(source: number, knownAt?: number): Promise<number> {
    const { timeline, truth, plan } = this.#world
    const { chance, machine } = this.#node
    const slow = chance.is(0.1) ? this.#slowestMs : 15
    return new Promise((resolve, reject) => {
      timeline.after(chance.between(0.1, slow), () => {
        if (isAway(plan, source, timeline.now)) return machine.receive(() => reject(new Error(awayText)))
        const version = knownAt === undefined ? truth.version(source) : this.#lagged(source, knownAt)
        timeline.after(chance.between(0.1, slow), () => machine.receive(() => resolve(version)))
      })
    })
  }

  /** When faults have ended, so has that. */
  get #slowestMs(): number {
    const { timeline, plan } = this.#world
    return timeline.now < plan.lastsMs ? plan.slowestMs : 400
  }

  #lagged(source: number, knownAt: number): number {
    const { timeline, truth } = this.#world
    const at = timeline.now - this.#node.chance.between(0, lagMs)
    return truth.versionAt(source, Math.max(knownAt, at))
  }

  async #make(key: number, load: Load): Promise<Made> {
    const { timeline, truth, keys, plan } = this.#world
    const { name: node, member } = this.#node
    const begun = { key: keys[key] as string, madeAt: timeline.now, node, generation: member.generation }
    const versions = truth.names.map(() => Infinity)
    for (const ingredient of plan.recipes[key] ?? []) await this.#add(versions, ingredient, load)
    return truth.make({ ...begun, versions })
  }

  async #add(versions: number[], ingredient: Ingredient, load: Load): Promise<void> {
    if (ingredient.of === 'key') {
      const { key, how } = ingredient
      const reads = this.#world.plan.tracking === 'explicit' ? load : undefined
      const input =
        how === 'get'
          ? ((await this.get(key, reads)) ?? (await this.getOrSet(key, reads)))
          : await this.getOrSet(key, reads)
      for (const [i, version] of input.versions.entries()) note(versions, i, version)
      return
    }
    const { source } = ingredient
    const name = this.#world.truth.names[source] as string
    if (ingredient.of === 'source' && !ingredient.isNamedLate) load.dependsOn(name)
    const isLagging = source === this.#world.plan.lagging
    note(versions, source, await (isLagging ? this.#lagging(source, load) : this.source(source)))
    if (ingredient.of === 'source' && ingredient.isNamedLate) load.dependsOn(name)
  }

  async #judged(key: number, how: string, read: () => Promise<Made | undefined>): Promise<Made | undefined> {
    const { judge, keys } = this.#world
    const reading = judge.begin(this.#node, keys[key] as string)
    const value = await read()
    judge.end(reading, value, how)
    return value
  }
}

function note(versions: number[], source: number, version: number): void {
  versions[source] = Math.min(version, versions[source] as number)
}
