/**
 * Faults: what goes wrong in a simulation, and how it ends again.
 */
import type { Way } from './link.ts'
import type { Node } from './node.ts'
import type { FaultKind } from './plan.ts'
import type { World } from './world.ts'

export class Faults {
  readonly #world: World
  /** What brings each fault that goes on to its end. */
  readonly #ends = new Set<() => void>()
  count = 0

  constructor(world: World) {
    this.#world = world
  }

  /** One by chance. */
  strike(): void {
    const { chance, plan, nodes } = this.#world
    const kind = chance.pick(plan.faults)
    this.count++
    this.#at(kind, chance.pick(nodes))
  }

  /** All of them end; the clock of the server stays where it was set, since to set it back would be another. */
  heal(): void {
    // Some end by beginning something else.
    while (this.#ends.size > 0) for (const end of [...this.#ends]) end()
    for (const node of this.#world.nodes) node.link.heal()
    this.#world.redis.isDown = false
  }

  /** Mostly short, sometimes longer than a lease, and often about as long as one. */
  #lasts(): number {
    const { chance, plan } = this.#world
    // Long enough for several records in a row to be demanded when it ends.
    if (plan.favour > 0 && chance.is(0.3)) return chance.between(4000, 7000)
    return chance.is(0.3) ? chance.between(2300, 3600) : 10 * 2 ** chance.between(0, 10)
  }

  #at(kind: FaultKind, node: Node): void {
    switch (kind) {
      case 'stop':
      case 'suspend':
        return this.#stop(node, kind === 'suspend')
      case 'kill':
        return this.kill(node)
      case 'leave':
        return this.#replace(node, 'leaves', () => node.leave())
      case 'cutThere':
        return this.#cut(node, ['there'])
      case 'cutBack':
        return this.#cut(node, ['back'])
      case 'cutBoth':
        return this.#cut(node, ['there', 'back'])
      case 'late':
        return this.#late(node)
      case 'reset':
        this.#told(node, 'has its connections reset')
        for (const connection of node.link.connections) connection.reset()
        node.reached()
        return
      case 'slow':
        this.#told(node, 'has a slow link')
        return this.#slow(node)
      case 'wallClock':
        return this.#setClock(node)
      default:
        return this.#ofServer(kind)
    }
  }

  #ofServer(kind: FaultKind): void {
    const { chance, redis, timeline, keys } = this.#world
    if (kind === 'evict') return redis.carryOut('evictValue', [chance.pick(keys)])
    if (kind === 'serverClock') {
      redis.skew += chance.between(-20_000, 20_000)
      this.#world.serverClockSetAt = timeline.now
      return
    }
    this.#world.serverDisturbedAt = timeline.now
    this.#world.tell(`the server: ${kind}`)
    switch (kind) {
      case 'down':
        return this.#down(() => undefined)
      case 'restart':
        return this.#down(() => this.#promote(chance.is(0.5) ? timeline.now : this.#before()))
      case 'promote':
        this.#promote(this.#before())
        return this.#reset()
      case 'flush':
        redis.carryOut('flush', [])
        return this.#lose(1)
      case 'deleteLog':
        redis.carryOut('deleteLog', [])
        return this.#lose(1)
      case 'deleteSnapshot':
        redis.carryOut('deleteSnapshot', [])
        return this.#lose(1)
      default:
        redis.carryOut('deleteNodes', [])
        return this.#lose(1)
    }
  }

  /** The replica had what was there so long ago. */
  #before(): number {
    return this.#world.timeline.now - this.#world.chance.pick([0, 1, 20, 200, 1500, 6000])
  }

  #promote(before: number): void {
    this.#lose(this.#world.redis.carryOut('promote', [before]).lost)
  }

  #lose(steps: number): void {
    if (steps > 0) this.#world.losses++
    this.#world.tell(`the server lost ${steps} steps`)
  }

  #reset(): void {
    for (const node of this.#world.nodes) {
      for (const connection of node.link.connections) connection.reset()
      if (!this.#world.redis.isDown) node.reached()
    }
  }

  #down(then: () => void): void {
    const { redis } = this.#world
    if (redis.isDown) return
    redis.isDown = true
    this.#reset()
    this.#later(undefined, () => {
      redis.isDown = false
      this.#world.serverDisturbedAt = this.#world.timeline.now
      then()
      for (const node of this.#world.nodes) node.reached()
      this.#world.tell('the server is up')
    })
  }

  #stop(node: Node, isSuspended: boolean): void {
    if (node.machine.isStopped || node.isDead) return
    this.#told(node, isSuspended ? 'is suspended' : 'is stopped')
    node.machine.stop(isSuspended)
    this.#later(node, () => {
      this.#told(node, 'goes on')
      node.machine.go()
    })
  }

  #slow(node: Node): void {
    const most = Math.min(1500, this.#lasts())
    node.link.delayMs = [this.#world.chance.pick([1, most / 2]), most]
    this.#later(node, () => node.link.heal())
  }

  /** Often while it is cut off, and for about as long as that takes. */
  #setClock(node: Node): void {
    const { chance } = this.#world
    this.#told(node, 'has its wall clock set')
    if (chance.is(0.5)) this.#cut(node, ['there', 'back'], chance.between(3000, 6000))
    node.machine.step(chance.pick([-8000, -3000, -1500, -500, 1500, 8000]))
  }

  /**
   * A link is declared, and lost with the tail of the log before others know of it; or who declared it dies, and somebody
   * knows of it. @param onHeir told of that one
   */
  loseLink(link: () => Promise<void>, onHeir: (heir: Node) => void): void {
    const { chance, timeline, nodes } = this.#world
    const [linker, heir] = nodes as [Node, Node]
    const before = timeline.now
    const isToDie = chance.is(0.5)
    let isDone = false
    link().then(
      () => (isDone = true),
      () => undefined,
    )
    timeline.after(isToDie ? chance.between(200, 1500) : chance.between(10, 60), () => {
      this.#world.serverDisturbedAt = timeline.now
      const isKnown =
        heir.member.generation === linker.member.generation && heir.member.applied >= linker.member.applied
      if (isToDie && isDone && isKnown) {
        onHeir(heir)
        this.kill(linker)
      }
      this.#promote(before)
      this.#reset()
    })
  }

  kill(node: Node): void {
    this.#replace(node, 'is killed', () => node.die())
  }

  /** Another takes its place. */
  #replace(node: Node, how: string, end: () => void): void {
    const { nodes } = this.#world
    const place = nodes.indexOf(node)
    if (place < 0) return
    end()
    const next = this.#world.born()
    nodes[place] = next
    this.#told(node, `${how}, and ${next.name} begins`)
  }

  #cut(node: Node, ways: readonly Way[], lasts = this.#lasts()): void {
    const { chance, timeline } = this.#world
    const cut = chance.is(0.5) ? 'lost' : 'held'
    this.#told(node, `has its link cut for ${lasts.toFixed(0)} ms: ${ways.join(', ')}, ${cut}`)
    for (const way of ways) node.link.cut(way, timeline.now + lasts, cut)
    this.#laterBy(lasts, () => {
      node.disturbedAt = timeline.now
      node.reached()
    })
  }

  /** What comes back comes late, and then nothing for about the length of a lease. */
  #late(node: Node): void {
    const { chance, timeline } = this.#world
    const lateMs = chance.between(500, 1900)
    this.#told(node, `gets answers ${lateMs.toFixed(0)} ms late, and then none`)
    node.link.cut('back', timeline.now + lateMs, 'held')
    this.#laterBy(lateMs + 5, () => {
      const lasts = chance.between(2300, 3600)
      for (const way of ['there', 'back'] as const) node.link.cut(way, timeline.now + lasts, 'lost')
      node.disturbedAt = timeline.now
      this.#laterBy(lasts, () => (node.disturbedAt = timeline.now))
    })
  }

  #later(node: Node | undefined, end: () => void): void {
    this.#laterBy(this.#lasts(), () => {
      if (node !== undefined) node.disturbedAt = this.#world.timeline.now
      end()
    })
  }

  #laterBy(ms: number, end: () => void): void {
    const once = () => {
      if (this.#ends.delete(once)) end()
    }
    this.#ends.add(once)
    this.#world.timeline.after(ms, once)
  }

  #told(node: Node, what: string): void {
    node.disturbedAt = this.#world.timeline.now
    this.#world.tell(`${node.name} ${what}`)
  }
}
