/**
 * The scripts of the library's queue (redis/queue-lua.ts), and of the history as far as the queue needs it, simulated: no
 * limits, and nothing is damaged.
 *
 * Where a job stands follows from its seat here; in Redis it is in sets besides.
 *
 * Invariants: each script is one atomic step; a state is replaced and never altered; a seat's text is never the same after
 * a change.
 */
import type { Argument, Reply } from './driver.ts'

export type Stand = 'lane' | 'putoff' | 'early' | 'claimed'

export interface Seat {
  /** In the order in which they were added: 16 digits. */
  readonly number: string
  readonly revision: number
  readonly strategy: string
  readonly rank: string
  readonly due: string
  readonly stand: Stand
  /** How many runs are begun, if the holder has begun one. */
  readonly runs: string
  readonly holder: string
}

export interface JobRow {
  readonly id: string
  readonly seat: Seat
  readonly bytes: Argument
}

export interface RecordRow {
  readonly status: string
  readonly bytes: Argument
}

export interface QueueState {
  readonly jobs: ReadonlyMap<string, JobRow>
  readonly records: ReadonlyMap<string, RecordRow>
  /** Jobs that were ever added. */
  readonly added: number
  /** node -> when it was heard of last, by the clock of the server */
  readonly seen: ReadonlyMap<string, number>
}

export const emptyQueue: QueueState = { jobs: new Map(), records: new Map(), added: 0, seen: new Map() }

/** A node that was not heard of for so long is gone. */
const goneMs = 10_000
const strategies = ['scheduled', 'background'] as const

type Args = readonly Argument[]

/** One script, from the state that it found to the one that it leaves. */
export class QueueScript {
  state: QueueState
  readonly #now: number

  constructor(state: QueueState, now: number) {
    this.state = state
    this.#now = now
  }

  run(name: string, args: Args): Reply {
    const node = String(args[0])
    this.#set({ seen: new Map(this.state.seen).set(node, this.#now) })
    const script = this.#scripts[name]
    if (script === undefined) throw new Error(`the simulated server does not know the script ${name}`)
    const reply = script(args)
    return name === 'history.put' ? (reply[0] as number) : [this.state.jobs.size, ...reply]
  }

  readonly #scripts: Readonly<Record<string, (args: Args) => readonly Reply[]>> = {
    'history.put': (args) => this.#put(args),
    'queue.add': (args) => this.#add(args),
    'queue.look': (args) => this.#look(args),
    'queue.claim': (args) => this.#claim(args),
    'queue.find': (args) => this.#find(args),
    'queue.begin': (args) => this.#begin(args),
    'queue.done': (args) => this.#done(args),
    'queue.release': (args) => this.#release(args),
    'queue.remove': (args) => this.#remove(args),
    'queue.gone': () => [this.#ofGone().flatMap(told)],
    'queue.own': (args) => this.#own(args),
    'queue.giveBack': (args) => this.#giveBack(args),
    'queue.due': () => strategies.map((strategy) => text(this.#standing('putoff', strategy)[0]?.seat.due)),
  }

  /** Place and time come after it; the condition comes before the record. */
  #put([, condition, ...record]: Args): readonly Reply[] {
    const before = this.state.records.get(String(record[0]))
    const isRefused = condition !== '' && before && !String(condition).includes(`,${before.status},`)
    if (isRefused === true) return [0]
    this.#keep(['', '', ...record])
    return [1]
  }

  #add(args: Args): readonly Reply[] {
    const [, , id = ''] = args
    const [bytes = '', strategy, rank, due] = args.slice(10)
    if (this.#job(id) !== undefined || this.state.records.get(String(id))?.status === 'completed') return [0]
    const added = this.state.added + 1
    this.#set({ added })
    const number = String(added).padStart(16, '0')
    const seat = { number, revision: 0, strategy: String(strategy), rank: String(rank), due: String(due) }
    const row = { id: String(id), bytes, seat: { ...seat, stand: 'lane' as const, runs: '', holder: '' } }
    this.#sit(row, 'lane')
    this.#keep(args)
    return [1]
  }

  #look([, holder, now, limit, ...asked]: Args): readonly Reply[] {
    const time = Number(now)
    for (const strategy of strategies) {
      for (const stand of ['putoff', 'early'] as const) {
        const due = this.#standing(stand, strategy).filter(({ seat }) => Number(seat.due) <= time)
        for (const row of due) this.#sit(row, 'lane')
      }
    }
    const firsts = asked.flatMap((strategy) => this.#firstDue(String(strategy), time) ?? [])
    const [lead] = firsts.toSorted(byRank)
    const lane = lead === undefined ? [] : this.#standing('lane', lead.seat.strategy).slice(0, Number(limit))
    const end = lane.findIndex(({ seat }) => Number(seat.due) > time)
    const rows = end < 0 ? lane : lane.slice(0, end)
    return [this.#ofGone().length > 0 ? 1 : 0, this.#heldBy(String(holder)).length, 0, rows.flatMap(told)]
  }

  /** Those before it that are not due go where they wait for their time. */
  #firstDue(strategy: string, time: number): JobRow | undefined {
    for (const row of this.#standing('lane', strategy)) {
      if (Number(row.seat.due) <= time) return row
      this.#sit(row, 'early')
    }
    return undefined
  }

  #claim([, holder, ...seats]: Args): readonly Reply[] {
    const rows: JobRow[] = []
    for (let i = 0; i < seats.length; i += 2) {
      const row = this.#asSeen(seats[i], seats[i + 1])
      if (row === undefined) return [0]
      rows.push(row)
    }
    for (const row of rows) this.#sit(row, 'claimed', { holder: String(holder) })
    return [1]
  }

  #find([, holder, id, isToClaim]: Args): readonly Reply[] {
    const row = this.#job(id)
    if (row === undefined || row.seat.stand === 'claimed') return []
    return told(isToClaim === '1' ? this.#sit(row, 'claimed', { holder: String(holder) }) : row)
  }

  #begin(args: Args): readonly Reply[] {
    const row = this.#held(args)
    if (row === undefined) return [0]
    this.#sit(row, 'claimed', { holder: String(args[1]), runs: String(args[10]) })
    this.#keep(args)
    return [1]
  }

  #done(args: Args): readonly Reply[] {
    const [, , id = ''] = args
    if (this.#held(args) === undefined) {
      const record = this.state.records.get(String(id))?.bytes ?? ''
      return [args[10] === '1' && Buffer.from(record).equals(Buffer.from(args[7] ?? '')) ? 1 : 0]
    }
    return this.#end(args)
  }

  #release(args: Args): readonly Reply[] {
    const row = this.#held(args)
    if (row === undefined) return [0]
    const [bytes = '', rank, due] = args.slice(10)
    const seat = { ...row.seat, rank: String(rank), due: String(due) }
    this.#sit({ ...row, bytes, seat }, 'putoff')
    this.#keep(args)
    return [1]
  }

  #remove(args: Args): readonly Reply[] {
    return this.#asSeen(args[2], args[10]) === undefined ? [0] : this.#end(args)
  }

  #own([, holder, after = '']: Args): readonly Reply[] {
    const rows = this.#heldBy(String(holder)).filter((row) => memberOf(row) > String(after))
    const last = rows.at(-1)
    return [text(last && memberOf(last)), rows.flatMap(told)]
  }

  #giveBack(args: Args): readonly Reply[] {
    const [seat, bytes = ''] = args.slice(10)
    const row = this.#asSeen(args[2], seat)
    if (row?.seat.stand !== 'claimed') return [0]
    if (row.seat.holder !== args[1] && !this.#isGone(row.seat.holder)) return [0]
    this.#sit(bytes === '' ? row : { ...row, bytes }, 'lane')
    if (bytes !== '') this.#keep(args)
    return [1]
  }

  #end(args: Args): readonly Reply[] {
    const jobs = new Map(this.state.jobs)
    jobs.delete(String(args[2]))
    this.#set({ jobs })
    this.#keep(args)
    return [1]
  }

  #keep(args: Args): void {
    const [, , id, status, , , , bytes = ''] = args
    this.#set({ records: new Map(this.state.records).set(String(id), { status: String(status), bytes }) })
  }

  #sit(row: JobRow, stand: Stand, { holder = '', runs = '' } = {}): JobRow {
    const { seat } = row
    const moved = { ...row, seat: { ...seat, revision: seat.revision + 1, stand, holder, runs } }
    this.#set({ jobs: new Map(this.state.jobs).set(row.id, moved) })
    return moved
  }

  /** First those that go first. */
  #standing(stand: Stand, strategy: string): readonly JobRow[] {
    const rows = [...this.state.jobs.values()].filter(
      ({ seat }) => seat.stand === stand && seat.strategy === strategy,
    )
    return rows.sort(stand === 'lane' ? byRank : byDue)
  }

  #heldBy(holder: string): readonly JobRow[] {
    const rows = [...this.state.jobs.values()].filter(
      ({ seat }) => seat.stand === 'claimed' && seat.holder === holder,
    )
    return rows.sort((a, b) => order(memberOf(a), memberOf(b)))
  }

  /** Of the first holder whose node is gone. */
  #ofGone(): readonly JobRow[] {
    const holders = [...this.state.jobs.values()].flatMap(({ seat }) =>
      seat.stand === 'claimed' && this.#isGone(seat.holder) ? [seat.holder] : [],
    )
    const [first] = holders.sort(order)
    return first === undefined ? [] : this.#heldBy(first)
  }

  #isGone(holder: string): boolean {
    const seen = this.state.seen.get(holder.replace(/#\d+$/, ''))
    return seen === undefined || seen < this.#now - goneMs
  }

  #job(id: Argument | undefined): JobRow | undefined {
    return this.state.jobs.get(String(id))
  }

  #held([, holder, id]: Args): JobRow | undefined {
    const row = this.#job(id)
    return row?.seat.stand === 'claimed' && row.seat.holder === holder ? row : undefined
  }

  #asSeen(id: Argument | undefined, seat: Argument | undefined): JobRow | undefined {
    const row = this.#job(id)
    return row !== undefined && seatText(row.seat) === seat ? row : undefined
  }

  #set(change: Partial<QueueState>): void {
    this.state = { ...this.state, ...change }
  }
}

function memberOf({ id, seat }: JobRow): string {
  return seat.number + id
}

function byRank(a: JobRow, b: JobRow): number {
  return Number(a.seat.rank) - Number(b.seat.rank) || order(memberOf(a), memberOf(b))
}

function byDue(a: JobRow, b: JobRow): number {
  return Number(a.seat.due) - Number(b.seat.due) || order(memberOf(a), memberOf(b))
}

function order(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}

function told({ id, seat, bytes }: JobRow): readonly Reply[] {
  return [text(id), text(seatText(seat)), Buffer.from(bytes)]
}

function seatText({ number, revision, strategy, rank, due, stand, runs, holder }: Seat): string {
  return [number, revision, strategy, rank, due, stand, runs, holder].join(' ')
}

function text(what = ''): Buffer {
  return Buffer.from(what)
}
