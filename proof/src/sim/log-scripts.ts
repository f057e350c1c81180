/**
 * The scripts of the library's log server (redis/lua.ts, redis/log-server.ts), simulated.
 *
 * Invariants: each public method is one atomic step; what it tells is never altered afterwards.
 */
import type { Appended, NodeAck, Presence, Register, Said, Since, Snapshot, Told } from './parts.ts'
import type { Effect, Meta, Row, Store } from './store.ts'

/** Records that are told at once. */
export const toldMax = 3
/** Records are kept for so long, and so many. */
export const kept = { ms: 800, count: 12 }

export abstract class LogScripts {
  /** What the primary holds. */
  protected abstract readonly store: Store
  /** The replication id. */
  protected abstract readonly epoch: number
  /** ms, by the clock of the server. */
  protected abstract now(): number
  protected abstract do(effect: Effect): void

  /** @param isNews more is applied than was said before */
  sync(since: Since, { id, name, isSettled }: Presence, isNews: boolean): Said {
    const refused = this.refuse(since)
    if (refused !== undefined) return refused
    const at = this.now()
    this.do((store) => {
      const meta = store.meta as Meta
      const said = meta.said + 1
      store.nodes = new Map(store.nodes).set(id, { acked: since.applied, name, said })
      store.meta = { ...meta, said, settled: meta.settled || isSettled, nodes: store.nodes.size }
      store.queue = { ...store.queue, seen: new Map(store.queue.seen).set(id, at) }
      if (isNews) store.acks = said
    })
    return this.tell(since.applied)
  }

  append(since: Since, changes: readonly Omit<Told, 'n'>[]): Appended {
    const refused = this.refuse(since)
    if (refused !== undefined && refused.is !== 'gap') return { said: refused, first: undefined }
    const { n } = this.store.meta as Meta
    for (const change of changes) this.write(change)
    const first = n + 1
    if (refused !== undefined || since.applied !== n)
      return { said: refused ?? this.tell(since.applied), first }
    // Who needs no other records knows its own.
    const records = changes.map((change, i) => ({ ...change, n: first + i }))
    return { said: { ...this.tell(n + changes.length), records }, first }
  }

  nodes(generation: string, except: string): Register | 'other' {
    const whole = this.whole()
    if (whole?.generation !== generation) return 'other'
    const nodes = [...this.store.nodes].flatMap(([id, ack]) => (id === except ? [] : [{ id, ...ack }]))
    return { nodes, said: whole.said }
  }

  forget(generation: string, nodes: readonly NodeAck[]): void {
    if (this.whole()?.generation !== generation) return
    const gone = nodes.filter(({ id, said }) => this.store.nodes.get(id)?.said === said)
    this.#unregister(gone.map(({ id }) => id))
  }

  leave(id: string): void {
    // What is missing must not count as gone.
    if (this.whole() !== undefined) this.#unregister([id])
    else this.do((store) => (store.nodes = without(store.nodes, [id])))
    this.do((store) => (store.queue = { ...store.queue, seen: without(store.queue.seen, [id]) }))
  }

  /** Not a script: the newest sync that acknowledged more, for whoever waits for one. */
  acks(): number {
    return this.store.acks
  }

  /** Not a script: whatever is there. */
  snapshot(): Snapshot | undefined {
    return this.store.snapshot
  }

  generation(): string | undefined {
    return this.store.meta?.generation
  }

  records(n: number): readonly Told[] {
    const rows = this.store.log ?? []
    const from = rows.findIndex(({ told }) => told.n > n)
    return from < 0 ? [] : rows.slice(from, from + toldMax).map(({ told }) => told)
  }

  begin({ generation, dump }: Pick<Snapshot, 'generation' | 'dump'>): void {
    if (this.whole() !== undefined) return
    const { epoch } = this
    this.do((store) => {
      store.meta = { generation, epoch, n: 0, settled: false, said: 0, nodes: 0 }
      store.log = []
      store.nodes = new Map()
      store.snapshot = { generation, n: 0, dump }
      store.acks = 0
    })
  }

  keep({ generation, n, dump }: Snapshot): void {
    const whole = this.whole()
    if (whole?.generation !== generation || (this.store.snapshot?.n ?? 0) >= n) return
    const rows = this.store.log ?? []
    const keep = Math.min(n, whole.n)
    const oldest = this.now() - kept.ms
    // From the oldest on, up to the first that stays.
    const first = rows.findIndex(({ told, at }, i) => {
      return told.n >= keep || (at >= oldest && rows.length - i <= kept.count)
    })
    const log = rows.slice(Math.max(0, first))
    this.do((store) => {
      store.snapshot = { generation, n, dump }
      store.log = log
    })
  }

  protected whole(): Meta | undefined {
    const { meta, log, snapshot, nodes } = this.store
    if (meta === undefined || meta.epoch !== this.epoch) return undefined
    if (log === undefined || snapshot === undefined || nodes.size !== meta.nodes) return undefined
    return (log.at(-1)?.told.n ?? 0) === meta.n ? meta : undefined
  }

  protected refuse({ generation, applied, witness }: Since): Exclude<Said, { is: 'same' }> | undefined {
    const whole = this.whole()
    if (whole === undefined) return { is: 'lost' }
    if (whole.generation !== generation || applied > whole.n) return { is: 'other' }
    const known = witness === '' ? undefined : this.#row(applied)
    if (known !== undefined && known.told.nonce !== witness) return { is: 'other' }
    const first = this.store.log?.[0]?.told.n ?? 0
    return applied < whole.n && first > applied + 1 ? { is: 'gap' } : undefined
  }

  /** Of a log that is whole. */
  protected tell(applied: number): Extract<Said, { is: 'same' }> {
    const { generation, n, settled } = this.store.meta as Meta
    const records = this.records(applied)
    return {
      is: 'same',
      generation,
      tail: n,
      records,
      isAll: records.length < toldMax || records.at(-1)?.n === n,
      isSettled: settled,
      nodes: this.store.nodes.size,
    }
  }

  /** A record at the end of a log that is whole. */
  protected write(change: Omit<Told, 'n'>): void {
    const at = this.now()
    this.do((store) => {
      const meta = store.meta as Meta
      const n = meta.n + 1
      store.meta = { ...meta, n }
      store.log = [...(store.log ?? []), { told: { ...change, n }, at }]
    })
  }

  #unregister(ids: readonly string[]): void {
    this.do((store) => {
      store.nodes = without(store.nodes, ids)
      store.meta = { ...(store.meta as Meta), nodes: store.nodes.size }
    })
  }

  #row(n: number): Row | undefined {
    return this.store.log?.find(({ told }) => told.n === n)
  }
}

export function without<V>(map: ReadonlyMap<string, V>, keys: readonly string[]): ReadonlyMap<string, V> {
  if (!keys.some((key) => map.has(key))) return map
  const rest = new Map(map)
  for (const key of keys) rest.delete(key)
  return rest
}
