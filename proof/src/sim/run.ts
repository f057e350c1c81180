/**
 * One run of the simulation: a seed, from beginning to end.
 *
 *   safety     work and faults, to the end
 *   liveness   the same, then all faults end, and a while later everything has to be well (invariant 15)
 */
import { Faults } from './faults.ts'
import type { Node } from './node.ts'
import type { Parts } from './parts.ts'
import { planOf, type Mode, type Plan } from './plan.ts'
import type { Made } from './truth.ts'
import { Work } from './work.ts'
import { World, type WorldOptions } from './world.ts'

export interface Run {
  readonly plan: Plan
  readonly fault: { readonly invariant: number; readonly text: string; readonly at: number } | undefined
  readonly answers: number
  readonly calls: number
  readonly faults: number
  readonly events: number
  readonly digest: number
  readonly lines: readonly string[]
}

export interface RunOptions extends WorldOptions {
  readonly seed: number
  readonly mode: Mode
  /** The answer of that number is replaced by a stale one. */
  readonly plantAt?: number | undefined
}

/** What goes on when the last step is done comes to its end. */
const endMs = 500
/** By then every node is back. */
const calmMs = 4000
/** By then every job has ended, though wall clocks may be a minute apart. */
const drainedMs = 180_000
/** By then everything has come to rest. */
const healedMs = 9000

export async function runSeed(library: Parts, { seed, mode, plantAt, ...options }: RunOptions): Promise<Run> {
  const plan = planOf(seed, mode)
  const world = new World(library, plan, options)
  world.judge.plantAt = plantAt
  const work = new Work(world)
  const faults = new Faults(world)
  work.onDeath = (node) => faults.kill(node)
  const { timeline, judge } = world
  const isOver = () => judge.fault !== undefined
  again(world, plan.stepEveryMs, () => work.step())
  again(world, plan.faultEveryMs, () => faults.strike())
  await timeline.run(plan.lastsMs + endMs, isOver)
  if (mode === 'liveness' && !isOver()) await new Rest({ world, work, faults }).run()
  return {
    plan,
    fault: judge.fault,
    answers: judge.answers,
    calls: work.calls,
    faults: faults.count,
    events: timeline.count,
    digest: judge.digest,
    lines: world.lines,
  }
}

/** Again and again, by chance, until the run ends. */
function again({ timeline, chance, plan }: World, everyMs: number, work: () => void): void {
  const next = () => {
    if (timeline.now >= plan.lastsMs) return
    work()
    timeline.after(chance.between(0, 2 * everyMs), next)
  }
  timeline.after(chance.between(0, 2 * everyMs), next)
}

interface RestParts {
  readonly world: World
  readonly work: Work
  readonly faults: Faults
}

/** Faults have ended: everything comes to rest, and has to be right then. */
class Rest {
  readonly #world: World
  readonly #work: Work
  readonly #faults: Faults

  constructor({ world, work, faults }: RestParts) {
    this.#world = world
    this.#work = work
    this.#faults = faults
  }

  async run(): Promise<void> {
    const { timeline, judge, nodes } = this.#world
    this.#world.tell('all faults end')
    this.#faults.heal()
    const isOver = () => judge.fault !== undefined
    await timeline.run(timeline.now + calmMs, isOver)
    const [linker] = nodes as [Node]
    const onHeir = (heir: Node) => (this.#work.linker = heir)
    this.#faults.loseLink(() => this.#work.link(linker), onHeir)
    await timeline.run(timeline.now + healedMs, isOver)
    await this.#drain()
    if (isOver()) return
    this.#warm()
    await timeline.run(timeline.now + 2000, isOver)
    // What is held now has to go, by links that were declared before, too.
    this.#world.truth.write(this.#world.plan.hidden, timeline.now)
    this.#cover()
    await timeline.run(timeline.now + healedMs, isOver)
    if (isOver()) return
    for (const node of nodes) this.#check(node)
    await timeline.run(timeline.now + 3000, isOver)
    // Those who load the same at the same time may end each other's loads once.
    for (let round = 0; round < 2; round++) {
      this.#warm()
      await timeline.run(timeline.now + 2000, isOver)
    }
    for (const node of nodes) for (const key of this.#world.keys) this.#keeps(node, key)
    if (this.#open > 0) judge.report(15, `${this.#open} reads do not end though all faults have`)
  }

  /** What was queued ends: when it is due by the clock of whoever is left, and those who claimed it and died count as gone. */
  async #drain(): Promise<void> {
    const { timeline, judge, jobs } = this.#world
    const isOver = () => judge.fault !== undefined || jobs.open.length === 0
    await timeline.run(timeline.now + drainedMs, isOver)
    const [first] = jobs.open
    if (first !== undefined) judge.report(20, `${first} does not end, nor do ${jobs.open.length - 1} more`)
  }

  #warm(): void {
    for (const node of this.#world.nodes) {
      const loading = this.#work.loading(node)
      for (const key of this.#world.keys.keys()) loading.getOrSet(key).catch(() => undefined)
    }
  }

  /** Who wrote, and could not tell the cache of it, does so now: there is an outbox for that (A2). */
  #cover(): void {
    const { truth, nodes, plan } = this.#world
    for (const { node, source, version } of this.#work.owed) {
      // It has to be appended by itself, unless who kept it is dead.
      if (!node.isDead) this.#work.covered[source] = Math.max(version, this.#work.covered[source] as number)
    }
    for (let source = 0; source < plan.sources; source++) {
      const isHidden = source === plan.hidden
      if (!isHidden && (this.#work.covered[source] as number) >= truth.version(source)) continue
      const [node] = nodes as [Node]
      const isToLink = isHidden && this.#work.linker?.isDead !== false
      const linked = isToLink ? this.#work.link(node) : Promise.resolve()
      // A tier that has failed for long is not asked for a while.
      const ready = linked.catch(() => (this.#isLinked = false))
      void ready
        .then(() => this.#work.invalidate(node, [source], 'strict'))
        .catch((error: unknown) =>
          this.#world.judge.report(15, `${node.name} cannot invalidate: ${String(error)}`),
        )
    }
  }

  #open = 0
  #isLinked = true

  #check(node: Node): void {
    const { judge, keys } = this.#world
    if (node.member.isFenced) judge.report(15, `${node.name} has no lease though all faults have ended`)
    if (node.member.waiting > 0) judge.report(15, `${node.name} still owes ${node.member.waiting} changes`)
    for (const [i, key] of keys.entries()) {
      this.#expect(node, `get ${key}`, () => node.cache.get<Made>(key))
      this.#expect(node, `getOrSet ${key}`, () => this.#work.loading(node).getOrSet(i))
    }
  }

  /** What was loaded is kept, where there is room for it. */
  #keeps(node: Node, key: string): void {
    const { plan, judge, keys } = this.#world
    if (plan.entriesMax < keys.length || node.cache.peek(key) !== undefined) return
    judge.report(15, `${node.name} does not keep ${key}`)
  }

  #expect(node: Node, what: string, read: () => Promise<Made | undefined>): void {
    const { judge, truth, plan } = this.#world
    this.#open++
    read()
      .then((value) => {
        const old = value?.versions.findIndex((version, i) => {
          const isLoose = i === plan.hidden && !this.#isLinked
          return !isLoose && version !== Infinity && version < truth.version(i)
        })
        if (value !== undefined && old !== undefined && old >= 0)
          judge.report(
            15,
            `${node.name} ${what}: ${truth.names[old]} at ${value.versions[old]} is not the truth`,
          )
      })
      .catch((error: unknown) => judge.report(15, `${node.name} ${what}: ${String(error)}`))
      .finally(() => this.#open--)
  }
}
