/**
 * The library's tier on a real server, which carries out the steps of the simulated one.
 *
 * What `admit` asked for in the run, it asks for again; what it decided then, it decides again. So what is compared is what
 * the real tier lets it see, and what becomes of what it decides.
 */
import type { Admit, Hold, SharedTier } from 'staleproof'
import type { EntryParts, Said, Since, Told } from './parts.ts'
import { RealOperation } from './real-operation.ts'
import type { Driver, Script } from './driver.ts'
import type { LogBeside, RealParts } from './real-parts.ts'
import type { Step, StepOf } from './redis.ts'
import { differenceOf, entryOf, headOf, headsOf } from './same.ts'
import type { Asked } from './seen-hold.ts'
import type { Operation } from './operation.ts'

/** A call under way, on both servers. */
interface Underway {
  readonly call: RealOperation<unknown>
  readonly log: ReplayedLog
  /** What was decided on what has been looked at last. */
  next: Step | undefined
  /** What was different in what it was let see. */
  difference: string | undefined
  /** Heads that it was asked to judge. */
  readonly judged: EntryParts[]
}

export class RealTier {
  readonly #parts: RealParts
  readonly #client: Driver
  /** operation -> its steps, in order */
  readonly #steps = new Map<Operation, Step[]>()
  readonly #underway = new Map<Operation, Underway>()
  readonly #policies = new Map<string, EntryParts['policy']>()

  constructor(parts: RealParts, client: Driver, steps: readonly Step[]) {
    this.#parts = parts
    this.#client = client
    for (const step of steps) {
      const { of } = step
      if (of === undefined) continue
      const own = this.#steps.get(of)
      if (own === undefined) this.#steps.set(of, [step])
      else own.push(step)
      if (of.entry !== undefined) this.#policies.set(of.entry.policy.name, of.entry.policy)
    }
  }

  async value({ args: [key], answer, of }: StepOf<'value'>): Promise<string | undefined> {
    const entry = await this.#tierOf(of).get(key)
    return differenceOf(entryOf(entry), entryOf(answer?.generation === of?.generation ? answer : undefined))
  }

  async dependents({ args: [names], answer, of }: StepOf<'dependents'>): Promise<string | undefined> {
    return differenceOf([...(await this.#tierOf(of).dependents(names))].sort(), [...answer].sort())
  }

  async withPrefix({ args: [prefix], answer, of }: StepOf<'withPrefix'>): Promise<string | undefined> {
    return differenceOf([...(await this.#tierOf(of).withPrefix(prefix))].sort(), [...answer].sort())
  }

  /** Of what is read back, or of what is about to be removed. */
  async standing(step: StepOf<'standing'>): Promise<string | undefined> {
    const of = step.of as Operation
    const next = this.#after(step)
    const expected = (generation: string) =>
      headsOf(step.answer.flatMap((one) => (one?.entry.generation === generation ? [one.entry] : [])))
    if (next?.name !== 'removeIf' && !this.#underway.has(of)) {
      const held = await this.#tierOf(of).held(step.args[0])
      return differenceOf(headsOf(held), expected(of.generation))
    }
    const underway = this.#underway.get(of) ?? this.#delete(of, step.args[0])
    underway.next = next
    underway.judged.length = 0
    if (next?.name === 'removeIf') Object.assign(underway.log, next.args[0])
    await underway.call.look()
    return (
      this.#failureOf(underway) ?? differenceOf(headsOf(underway.judged), expected(underway.log.generation))
    )
  }

  async removeIf({ of, answer }: StepOf<'removeIf'>): Promise<string | undefined> {
    const underway = this.#underway.get(of as Operation) as Underway
    if (!(await underway.call.write())) return 'the real tier removes nothing'
    const isDone = !answer.includes('changed')
    return this.#failureOf(underway) ?? differenceOf({ isDone: underway.call.isDone }, { isDone })
  }

  async end({ args: [keys], of }: StepOf<'end'>): Promise<undefined> {
    await this.#tierOf(of).ended(keys)
  }

  async look(step: StepOf<'look'>): Promise<string | undefined> {
    const of = step.of as Operation
    const underway = this.#underway.get(of) ?? this.#settle(of)
    underway.next = this.#after(step)
    underway.log.at = step.args[0]
    await underway.call.look()
    const isToStore = underway.next?.name === 'storeIf'
    return (
      this.#failureOf(underway) ??
      differenceOf(underway.log.said, step.answer.said) ??
      (isToStore
        ? (underway.difference ?? differenceOf({ isDone: underway.call.isDone }, { isDone: false }))
        : undefined)
    )
  }

  async storeIf(step: StepOf<'storeIf'>): Promise<string | undefined> {
    const { answer } = step
    const underway = this.#underway.get(step.of as Operation) as Underway
    const next = this.#after(step)
    // If it is not stored, it wants to look again at once.
    if (next?.name === 'look') underway.log.at = next.args[0]
    if (!(await underway.call.write())) return 'the real tier stores nothing'
    const real = { isStored: underway.call.isDone, said: underway.log.said }
    return this.#failureOf(underway) ?? differenceOf(real, answer)
  }

  #settle(of: Operation): Underway {
    const underway: Underway = this.#begin(of, (tier) => tier.settle(of.entry as EntryParts, admit))
    const admit: Admit = (hold) => {
      underway.difference = undefined
      if (underway.next?.name !== 'storeIf') return undefined
      const [{ since, entry, isEnded }] = underway.next.args
      const round = (this.#steps.get(of) ?? [])
        .filter(({ name }) => name === 'storeIf')
        .indexOf(underway.next)
      underway.difference = this.#ask(underway, hold, of.asked[round])
      underway.log.at = since
      underway.log.isEnded = isEnded
      return entry
    }
    return underway
  }

  /** All that was asked for in the run. */
  #ask({ log }: Underway, hold: Hold, asked: readonly Asked[] = []): string | undefined {
    let difference: string | undefined
    for (const question of asked) {
      if (question.what === 'announce') log.records.push(question.record)
      const found = differenceOf(answerTo(question, hold), answerIn(question))
      if (found !== undefined) difference ??= `${question.what} of ${question.name}:\n${found}`
    }
    return difference
  }

  #delete(of: Operation, keys: readonly string[]): Underway {
    const underway: Underway = this.#begin(of, (tier) =>
      tier.delete(keys, (head) => {
        underway.judged.push(head as EntryParts)
        const rows = underway.next?.name === 'removeIf' ? underway.next.args[0].rows : []
        return !rows.some(({ key }) => key === head.key)
      }),
    )
    return underway
  }

  #begin(of: Operation, begin: (tier: InstanceType<RealParts['RedisTier']>) => Promise<unknown>): Underway {
    const log = new ReplayedLog(of.generation)
    const { storeScript, removeScript } = this.#parts
    const isWriting = ({ sha }: Script) => sha === storeScript.sha || sha === removeScript.sha
    const call = new RealOperation<unknown>(this.#client, isWriting, (driver) =>
      begin(this.#open(driver, log, of.entry)),
    )
    const underway: Underway = { call, log, next: undefined, difference: undefined, judged: [] }
    this.#underway.set(of, underway)
    return underway
  }

  /** As the node has it that asks. */
  #tierOf(of: Operation | undefined): SharedTier {
    return this.#open(this.#client, new ReplayedLog(of?.generation ?? ''))
  }

  #open(driver: Driver, log: ReplayedLog, entry?: EntryParts): InstanceType<RealParts['RedisTier']> {
    return new this.#parts.RedisTier({
      ...{
        driver,
        log,
        clock: still(this.#parts, entry?.storedAt ?? 0),
        random: () => 0.5,
        entryBytesMax: Infinity,
      },
      policyOf: (name) => this.#policies.get(name) as EntryParts['policy'],
      isInvalid: () => log.isEnded,
      onError: (error) => {
        throw error
      },
    })
  }

  /** The next step of the same call. */
  #after(step: Step): Step | undefined {
    const own = this.#steps.get(step.of as Operation) ?? []
    return own[own.indexOf(step) + 1]
  }

  #failureOf({ call }: Underway): string | undefined {
    return call.failure === undefined ? undefined : `the real tier fails: ${String(call.failure)}`
  }
}

function answerTo({ what, name }: Asked, hold: Hold): unknown {
  switch (what) {
    case 'head':
      return headOf(hold.headOf(name))
    case 'ended':
      return hold.endedAt(name)
    case 'dependents':
      return headsOf(hold.dependentsOf(name))
    default:
      return hold.announce(name, () => undefined)
  }
}

function answerIn(question: Asked): unknown {
  if (question.what === 'head') return headOf(question.answer)
  return question.what === 'dependents' ? headsOf(question.answer) : question.answer
}

/** The log of the node as it was in the run. */
class ReplayedLog implements LogBeside {
  generation: string
  applied = 0
  at!: Since
  /** What stands where an entry is stored was invalidated. */
  isEnded = false
  /** What was said last. */
  said: Said | undefined
  readonly records: Omit<Told, 'n'>[] = []

  constructor(generation: string) {
    this.generation = generation
  }

  since(): Since {
    return this.at
  }

  take(said: Said): boolean {
    this.said = said
    return true
  }

  own(): Omit<Told, 'n'> {
    return this.records.shift() as Omit<Told, 'n'>
  }

  disown(): void {}
}

/** A clock that stands still: nothing happens by itself, and what waits has waited. */
function still({ systemClock }: RealParts, nowMs: number): ReturnType<RealParts['systemClock']> {
  const clock = systemClock()
  return {
    now: () => nowMs,
    coarseNow: () => nowMs,
    monotonic: () => clock.monotonic(),
    turn: () => clock.turn(),
    schedule: (_, work, keepAlive = false) => {
      if (keepAlive) queueMicrotask(work)
      return { cancel: () => undefined }
    },
  }
}
