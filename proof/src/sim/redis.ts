/**
 * Redis, simulated: the scripts of the library's log server (redis/lua.ts, redis/log-server.ts), step by step, and the
 * faults of a server: a restart, a fail-over that loses the tail, a flush, keys that go.
 *
 * Invariants: each method is one atomic step; the epoch is another after each restart and each promotion.
 */
import type {
  Appended,
  Change,
  EntryParts,
  NodeAck,
  Presence,
  Register,
  Said,
  Since,
  Snapshot,
  Told,
} from './parts.ts'
import { Replicated, Store, type Effect, type Row } from './store.ts'
import type { Timeline } from './timeline.ts'

const toldMax = 3
/** Records are kept for so long, and so many. */
const kept = { ms: 800, count: 12 }

export class Redis {
  epoch = 1
  isDown = false
  /** Called after each append. */
  onAppend: () => void = () => undefined
  readonly #timeline: Timeline
  readonly #copies = new Replicated()
  /** Of its clock, which may be set. */
  skew = 0

  constructor(timeline: Timeline) {
    this.#timeline = timeline
  }

  get store(): Store {
    return this.#copies.primary
  }

  // Scripts

  sync(since: Since, { id, name, isSettled }: Presence): Said {
    const refused = this.#refuse(since)
    if (refused !== undefined) return refused
    this.#do((store) => {
      const said = (store.meta?.said ?? 0) + 1
      store.nodes = new Map(store.nodes).set(id, { acked: since.applied, name, said })
      if (store.meta === undefined) return
      store.meta = { ...store.meta, said, settled: store.meta.settled || isSettled }
    })
    return this.#tell(since.applied)
  }

  append(since: Since, changes: readonly Omit<Told, 'n'>[]): Appended {
    const refused = this.#refuse(since)
    if (refused !== undefined && refused.is !== 'gap') return { said: refused, first: undefined }
    const first = (this.store.meta?.n ?? 0) + 1
    for (const change of changes) this.#append(change)
    return { said: refused ?? this.#tell(since.applied), first }
  }

  nodes(generation: string, except: string): Register | 'other' {
    const whole = this.#whole()
    if (whole?.generation !== generation) return 'other'
    const nodes = [...this.store.nodes].flatMap(([id, ack]) => (id === except ? [] : [{ id, ...ack }]))
    return { nodes, said: this.store.meta?.said ?? 0 }
  }

  forget(generation: string, nodes: readonly NodeAck[]): void {
    if (this.#whole()?.generation !== generation) return
    const gone = nodes.filter(({ id, said }) => {
      const ack = this.store.nodes.get(id)
      return ack?.said === said
    })
    this.#do((store) => {
      store.nodes = without(
        store.nodes,
        gone.map(({ id }) => id),
      )
    })
  }

  leave(id: string): void {
    this.#do((store) => {
      store.nodes = without(store.nodes, [id])
    })
  }

  /** Not a script: whatever is there. */
  snapshot(): Snapshot | undefined {
    return this.store.snapshot
  }

  generation(): string | undefined {
    return this.store.meta?.generation
  }

  records(n: number): readonly Told[] {
    return this.#after(n)
  }

  begin({ generation, dump }: Pick<Snapshot, 'generation' | 'dump'>): void {
    if (this.#whole() !== undefined) return
    const { epoch } = this
    this.#do((store) => {
      store.meta = { generation, epoch, n: 0, settled: false, said: 0 }
      store.log = []
      store.nodes = new Map()
      store.snapshot = { generation, n: 0, dump }
      store.ended = new Map()
    })
  }

  keep({ generation, n, dump }: Snapshot): void {
    const whole = this.#whole()
    if (whole?.generation !== generation || (this.store.snapshot?.n ?? 0) >= n) return
    const rows = this.store.log ?? []
    const keep = Math.min(n, whole.n)
    const oldest = this.#now() - kept.ms
    // From the oldest on, up to the first that stays.
    const first = rows.findIndex(({ told, at }, i) => {
      return told.n >= keep || (at >= oldest && rows.length - i <= kept.count)
    })
    const log = rows.slice(Math.max(0, first))
    this.#do((store) => {
      store.snapshot = { generation, n, dump }
      store.log = log
    })
  }

  // The tier beside it

  entry(key: string): EntryParts | undefined {
    return this.store.entries.get(key)
  }

  putEntry(entry: EntryParts): void {
    this.#do((store) => {
      store.entries = new Map(store.entries).set(entry.key, entry)
    })
  }

  /** @param n position that is applied where it was judged */
  deleteEntry(key: string, n: number | undefined): void {
    this.#do((store) => {
      store.entries = without(store.entries, [key])
      if (n !== undefined) store.ended = new Map(store.ended).set(key, n)
    })
  }

  /** Somebody's record, if the log is where he thinks that it is. */
  appendAt(since: Since, change: Omit<Told, 'n'>): boolean {
    if (this.#refuse(since) !== undefined || since.applied !== this.store.meta?.n) return false
    this.#append(change)
    return true
  }

  isAt(since: Since): boolean {
    return this.#refuse(since) === undefined && since.applied === this.store.meta?.n
  }

  say(since: Since): Said {
    return this.#refuse(since) ?? this.#tell(since.applied)
  }

  // Faults

  /** @param before the tail since then is lost @returns how many effects are lost */
  promote(before: number): number {
    this.epoch++
    return this.#copies.promote(before)
  }

  flush(): void {
    this.#do((store) => Object.assign(store, new Store()))
  }

  deleteLog(): void {
    this.#do((store) => {
      store.log = undefined
    })
  }

  deleteSnapshot(): void {
    this.#do((store) => {
      store.snapshot = undefined
    })
  }

  /** An entry goes for room, and that is told of. */
  evictEntry(key: string): void {
    if (this.#whole() === undefined) return
    const change: Change = { kind: 'evict', names: [key] }
    const { generation } = this.store.meta as { generation: string }
    this.deleteEntry(key, undefined)
    this.#append({ nonce: `${generation}:e${this.store.meta?.n}`, node: 'server', change, atMs: 0 })
  }

  #now(): number {
    return this.#timeline.now + this.skew
  }

  #do(effect: Effect): void {
    this.#copies.carryOut(this.#timeline.now, effect)
  }

  #append(change: Omit<Told, 'n'>): void {
    const at = this.#now()
    this.#do((store) => {
      if (store.meta === undefined || store.log === undefined) return
      const n = store.meta.n + 1
      store.meta = { ...store.meta, n }
      store.log = [...store.log, { told: { ...change, n }, at }]
    })
    this.onAppend()
  }

  #whole(): { generation: string; n: number } | undefined {
    const { meta, log, snapshot } = this.store
    if (meta === undefined || meta.epoch !== this.epoch) return undefined
    if (log === undefined || snapshot === undefined) return undefined
    return (log.at(-1)?.told.n ?? 0) === meta.n ? meta : undefined
  }

  #refuse({ generation, applied, witness }: Since): Exclude<Said, { is: 'same' }> | undefined {
    const whole = this.#whole()
    if (whole === undefined) return { is: 'lost' }
    if (whole.generation !== generation || applied > whole.n) return { is: 'other' }
    const known = witness === '' ? undefined : this.#row(applied)
    if (known !== undefined && known.told.nonce !== witness) return { is: 'other' }
    const first = this.store.log?.[0]?.told.n ?? 0
    return applied < whole.n && first > applied + 1 ? { is: 'gap' } : undefined
  }

  #tell(applied: number): Said {
    const { meta, nodes } = this.store
    if (meta === undefined) return { is: 'lost' }
    const records = this.#after(applied)
    return {
      is: 'same',
      generation: meta.generation,
      tail: meta.n,
      records,
      isAll: records.length < toldMax || records.at(-1)?.n === meta.n,
      isSettled: meta.settled,
      nodes: nodes.size,
    }
  }

  #row(n: number): Row | undefined {
    return this.store.log?.find(({ told }) => told.n === n)
  }

  #after(n: number): readonly Told[] {
    const rows = this.store.log ?? []
    const from = rows.findIndex(({ told }) => told.n > n)
    return from < 0 ? [] : rows.slice(from, from + toldMax).map(({ told }) => told)
  }
}

function without<V>(map: ReadonlyMap<string, V>, keys: readonly string[]): ReadonlyMap<string, V> {
  if (!keys.some((key) => map.has(key))) return map
  const rest = new Map(map)
  for (const key of keys) rest.delete(key)
  return rest
}
