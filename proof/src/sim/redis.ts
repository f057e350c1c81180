/**
 * Redis, simulated: its scripts, step by step, and the faults of a server: a restart, a fail-over that loses the tail, a
 * flush, keys that go.
 *
 * Invariants: each step is atomic, and has a number of its own; the epoch is another after each restart and each
 * promotion; who is told of an append is told when the step is over.
 */
import type { Operation } from './operation.ts'
import { Replicated, Store, type Effect, type Promoted } from './store.ts'
import { prefix, type Argument, type Reply } from './driver.ts'
import { QueueScript, type QueueState } from './queue-scripts.ts'
import { TurnScripts } from './turn-scripts.ts'
import type { Timeline } from './timeline.ts'

export type StepName = Exclude<
  keyof Redis,
  'isDown' | 'skew' | 'onAppend' | 'onAcknowledged' | 'onStep' | 'carryOut' | 'queue'
>

export type ArgsOf<Name extends StepName> = Parameters<Redis[Name]>
export type AnswerOf<Name extends StepName> = ReturnType<Redis[Name]>

/** A step that was carried out. */
export type Step = { [Name in StepName]: StepOf<Name> }[StepName]

export interface StepOf<Name extends StepName> {
  readonly name: Name
  readonly args: ArgsOf<Name>
  readonly answer: AnswerOf<Name>
  readonly of: Operation | undefined
  readonly number: number
  /** ms, by the clock of the server. */
  readonly atMs: number
}

export class Redis extends TurnScripts {
  isDown = false
  /** Of its clock, which may be set. */
  skew = 0
  /** Called after each step that appended. */
  onAppend: () => void = () => undefined
  /** Called after each sync that acknowledged more. */
  onAcknowledged: () => void = () => undefined
  /** Called after each step. */
  onStep: ((step: Step) => void) | undefined
  protected epoch = 1
  readonly #timeline: Timeline
  readonly #copies = new Replicated()
  #count = 0

  constructor(timeline: Timeline) {
    super()
    this.#timeline = timeline
  }

  protected get store(): Store {
    return this.#copies.primary
  }

  /** @param of what it is part of */
  carryOut<Name extends StepName>(name: Name, args: ArgsOf<Name>, of?: Operation): AnswerOf<Name> {
    if (name !== 'turnRanOut') for (const id of this.ranOut) this.carryOut('turnRanOut', [id])
    const number = ++this.#count
    const { log: before, acks } = this.store
    const script = this[name] as (...all: ArgsOf<Name>) => AnswerOf<Name>
    const answer = script.apply(this, args)
    this.onStep?.({ name, args, answer, of, number, atMs: this.now() } as unknown as Step)
    if ((this.store.log?.length ?? 0) > (before?.length ?? 0)) this.onAppend()
    if (this.store.acks > acks) this.onAcknowledged()
    return answer
  }

  /** One of those that the library's own classes run. */
  script(name: string, args: readonly Argument[]): Reply {
    if (name.startsWith('turns.')) return this.turnScript(name, args)
    const script = new QueueScript(this.store.queue, this.now())
    const reply = script.run(name, args)
    const { state } = script
    this.do((store) => (store.queue = state))
    return reply
  }

  /** One of their commands, which all look only. */
  command(command: string, key: string, [field]: readonly Argument[]): Reply {
    const { jobs, records } = this.store.queue
    const part = key.slice(prefix.length + 1)
    if (command === 'ZCARD' && part === 'order') return jobs.size
    if (command === 'HGET' && part === 'records') return bytesOf(records.get(String(field))?.bytes)
    if (command === 'GET' && part.startsWith('turn:')) return bytesOf(this.turnOf(part.slice('turn:'.length)))
    throw new Error(`the simulated server does not know ${command} ${part}`)
  }

  /** What is queued now, for who looks from outside. */
  get queue(): QueueState {
    return this.store.queue
  }

  /** @param before the tail since then is lost */
  promote(before: number): Promoted {
    this.epoch++
    return this.#copies.promote(before)
  }

  flush(): void {
    this.do((store) => Object.assign(store, new Store()))
  }

  deleteLog(): void {
    this.do((store) => (store.log = undefined))
  }

  deleteSnapshot(): void {
    this.do((store) => (store.snapshot = undefined))
  }

  /** The register of nodes goes, and what the log knows of it stays. */
  deleteNodes(): void {
    this.do((store) => (store.nodes = new Map()))
  }

  /** A value goes for room, and nobody is told of it. */
  evictValue(key: string): void {
    const standing = this.store.entries.get(key)
    if (standing === undefined) return
    this.do((store) => (store.entries = new Map(store.entries).set(key, { ...standing, hasValue: false })))
  }

  protected now(): number {
    return Math.floor(this.#timeline.now + this.skew)
  }

  protected do(effect: Effect): void {
    this.#copies.carryOut({ at: this.#timeline.now, step: this.#count }, effect)
  }
}

function bytesOf(what: Argument | undefined): Buffer | null {
  return what === undefined ? null : Buffer.from(what)
}
