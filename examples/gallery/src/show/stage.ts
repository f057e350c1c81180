/**
 * Stage: a folder of photos, a daemon that watches it, a gallery beside it, and one change at a time.
 *
 * A change: counted before -> done to the files -> told by the daemon -> what went and stayed -> everything is
 * asked for again -> what was loaded for that -> compared with a fresh computation.
 */
import { Follow, type Applied } from '../gallery/follow.ts'
import { Gallery } from '../gallery/gallery.ts'
import { listen, type Listening } from '../gallery/server.ts'
import { DaemonShared } from '../gallery/shared.ts'
import { Census, kindOf, kinds, type Kind } from './census.ts'
import type { Daemon } from './daemon.ts'
import { prove, walk, type Proof, type Walk } from './proof.ts'
import type { World } from './world.ts'

export interface Change {
  readonly title: string
  /** What it is done to. */
  readonly to: string
  act(): Promise<void>
  /** The name whose invalidation tells of it; `gap` if the daemon cannot tell. */
  readonly awaited: string
  /** Keys that have to go, all others have to stay. */
  readonly goes: readonly string[]
  /** Keys that have to be loaded when everything is asked for again, each once. */
  readonly loads: readonly string[]
  /** What else has to be seen, once it was told. @returns what was seen */
  also?(): Promise<{ readonly seen: string; readonly isRight: boolean }>
}

export interface Went {
  readonly key: string
  /** The name it was reached through; `gap` if everything went. */
  readonly because: string | null
}

export interface Count {
  before: number
  went: number
  stayed: number
  loaded: number
  after: number
}

export interface Outcome {
  readonly title: string
  readonly to: string
  readonly went: readonly Went[]
  readonly stayed: readonly string[]
  readonly loaded: readonly string[]
  readonly counts: Readonly<Record<Kind, Count>>
  /** From when the change was done until neither the daemon nor the gallery could serve what was made before. */
  readonly staleMs: number
  /** Entries that went from the daemon's own cache; null if it could not tell. */
  readonly wentFromDaemon: number | null
  readonly also: string | null
  readonly proof: Proof
  /** What was not as it has to be. */
  readonly failures: readonly string[]
}

const arrivalMsMax = 30_000

export class Stage {
  readonly world: World
  readonly daemon: Daemon
  readonly gallery: Gallery
  readonly shared: DaemonShared
  readonly #census: Census
  readonly #follow: Follow
  readonly #site: Listening
  readonly #arrivals: Arrivals

  private constructor(parts: {
    world: World
    daemon: Daemon
    gallery: Gallery
    shared: DaemonShared
    follow: Follow
    site: Listening
    arrivals: Arrivals
  }) {
    this.world = parts.world
    this.daemon = parts.daemon
    this.gallery = parts.gallery
    this.shared = parts.shared
    this.#follow = parts.follow
    this.#site = parts.site
    this.#arrivals = parts.arrivals
    this.#census = new Census(parts.gallery.cache)
  }

  /** The daemon first, then the stream, and only then the first load: whatever changes after it is told. */
  static async open(world: World, daemon: Daemon, port: number): Promise<Stage> {
    await daemon.start()
    const arrivals = new Arrivals()
    const shared = new DaemonShared(daemon.url)
    const gallery = new Gallery({ photos: world.photos, settings: world.settings, shared })
    const onApplied = (applied: Applied) => arrivals.tell(applied)
    const follow = new Follow({ url: daemon.url, cache: gallery.cache, onApplied })
    await follow.start()
    const site = await listen(gallery, port)
    return new Stage({ world, daemon, gallery, shared, follow, site, arrivals })
  }

  get url(): string {
    return this.#site.url
  }

  /** Asks for everything. @returns what was loaded for that, and how it compares */
  async warm(): Promise<{ held: number; counts: Record<Kind, Count>; proof: Proof }> {
    const served = await this.#ask()
    const held = this.#census.held()
    const loaded = this.#census.takeLoads()
    const counts = countsOf({ before: [], went: [], loaded, after: held })
    return { held: held.length, counts, proof: await this.#prove(served, held) }
  }

  async show(change: Change): Promise<Outcome> {
    const before = this.#census.held()
    const arrived = this.#arrivals.next(change.awaited)
    await change.act()
    const doneAt = performance.now()
    const { applied, at } = await arrived
    const stayed = this.#census.held()
    const went = wentOf(before, stayed, applied)
    const also = await change.also?.()
    const served = await this.#ask()
    const loaded = this.#census.takeLoads()
    const after = this.#census.held()
    const proof = await this.#prove(served, after)
    return {
      title: change.title,
      to: change.to,
      went,
      stayed,
      loaded,
      counts: countsOf({ before, went: went.map(({ key }) => key), loaded, after }),
      staleMs: Math.max(0, Math.round(at - doneAt)),
      wentFromDaemon: applied.told?.tiers.memory?.purged ?? null,
      also: also?.seen ?? null,
      proof,
      failures: [
        ...differences(
          'went',
          change.goes,
          went.map(({ key }) => key),
        ),
        ...differences('was loaded', change.loads, loaded),
        ...proof.stale.map((what) => `${what} is not what a fresh computation gives`),
        ...(also === undefined || also.isRight ? [] : [also.seen]),
      ],
    }
  }

  async close(): Promise<void> {
    this.#census.end()
    await this.#follow.stop()
    await this.#site.close()
    await this.gallery.cache.close()
  }

  #ask(): Promise<Walk> {
    return walk((path) => fetch(this.url + path))
  }

  #prove(served: Walk, held: readonly string[]): Promise<Proof> {
    return prove(this.world, this.gallery, { served, held })
  }
}

interface Arrival {
  readonly applied: Applied
  readonly at: number
}

/** Who waits for the daemon to tell of a name. */
class Arrivals {
  #tell: (applied: Applied) => void = () => {}

  tell(applied: Applied): void {
    this.#tell(applied)
  }

  next(name: string): Promise<Arrival> {
    return new Promise((resolve, reject) => {
      const late = () => reject(new Error(`${name}: the daemon told of no change within ${arrivalMsMax} ms`))
      const timer = setTimeout(late, arrivalMsMax)
      this.#tell = (applied) => {
        if (name !== applied.event && applied.told?.names.includes(name) !== true) return
        clearTimeout(timer)
        resolve({ applied, at: performance.now() })
      }
    })
  }
}

function wentOf(before: readonly string[], after: readonly string[], { done, event }: Applied): Went[] {
  const left = new Set(after)
  const because = new Map(done.cascade.map(({ name, because }) => [name, because]))
  const order = new Map(done.cascade.map(({ name }, place) => [name, place]))
  return before
    .filter((key) => !left.has(key))
    .sort((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0))
    .map((key) => ({ key, because: because.get(key) ?? (event === 'gap' ? 'gap' : null) }))
}

interface Keys {
  readonly before: readonly string[]
  readonly went: readonly string[]
  readonly loaded: readonly string[]
  readonly after: readonly string[]
}

function countsOf(keys: Keys): Record<Kind, Count> {
  const none = () => ({ before: 0, went: 0, stayed: 0, loaded: 0, after: 0 })
  const counts = Object.fromEntries(kinds.map((kind) => [kind, none()])) as Record<Kind, Count>
  for (const column of ['before', 'went', 'loaded', 'after'] as const) {
    for (const key of keys[column]) counts[kindOf(key)][column]++
  }
  for (const count of Object.values(counts)) count.stayed = count.before - count.went
  return counts
}

function differences(what: string, wanted: readonly string[], seen: readonly string[]): string[] {
  const missing = wanted.filter((key) => !seen.includes(key)).map((key) => `${key} should be what ${what}`)
  const extra = seen.filter((key, i) => !wanted.includes(key) || seen.indexOf(key) !== i)
  return [...missing, ...extra.map((key) => `${key} ${what}, and should not have`)]
}
