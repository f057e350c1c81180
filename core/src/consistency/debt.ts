/**
 * Debt: what this node has to append before it may have a lease again.
 *
 *   owed   could not be appended: in force here at once, between two positions of the log, and kept in the outbox
 *   again  was appended to a generation that ended, and may have been in the tail that was lost
 *
 *   append -> it stands in the log -> the generation goes on -> secured: it outlives the server -> paid
 *
 * Invariants: it is appended in order, all of it at once, and once to a generation; what is paid leaves the outbox
 * afterwards, so that a crash in between appends it twice, which is harmless, and never not at all.
 */
import type { Change, ChangeOutbox } from '../log/contract.ts'
import { StaleproofError } from '../model/errors.ts'
import type { Position } from '../model/position.ts'
import type { Applied } from './applied.ts'
import type { LogServer } from './contract.ts'
import { declaring, type Sending } from './own.ts'

export interface DebtParts {
  readonly applied: Applied
  readonly outbox?: ChangeOutbox | undefined
  readonly server: Pick<LogServer, 'secured'>
  readonly onError: (error: unknown, during: string) => void
  readonly onWritten: (change: Change, position: Position) => void
}

interface Due {
  readonly change: Change
  /** Where it is in the log, though it may still be lost with the server. */
  stands?: Position | undefined
}

interface Owed extends Due {
  /** In the outbox, if there is one and it took it. */
  id: number | undefined
  /** Where it is in the log now. */
  paid?: Position
}

export class Debt {
  readonly #parts: DebtParts
  #owed: Owed[]
  #again: Due[] = []

  constructor(parts: DebtParts) {
    this.#parts = parts
    // Of a process that ended before the log could be reached again.
    this.#owed = [...(parts.outbox?.kept ?? [])]
  }

  /** Changes that others do not know of. */
  get count(): number {
    return this.#owed.length
  }

  /** Something has to be appended before anything else is. */
  get isDue(): boolean {
    return this.#owed.length + this.#again.length > 0
  }

  /** Some of it stands in the log of this generation. */
  get stands(): boolean {
    return this.#due.some((each) => this.#isIn(each))
  }

  /**
   * @param failure why it could not be appended, or may be lost with the server
   * @param stands where it is in the log, and applied here
   * @returns where it is, if it was paid before it was kept
   * @throws E_LOG_PENDING
   */
  async owe({ change, before }: Sending, failure: StaleproofError, stands?: Position): Promise<Position> {
    const { applied, outbox, onError } = this.#parts
    const owed: Owed = { change: withoutGrace(change), id: undefined, stands }
    this.#owed.push(owed)
    if (stands === undefined) applied.force(change, before)
    try {
      owed.id = await outbox?.keep(owed.change)
    } catch (error) {
      onError(error, 'keeping what could not be appended')
    }
    if (owed.paid === undefined) throw pending(failure, owed)
    await this.#drop([owed])
    return owed.paid
  }

  /** What this node appended to the generation that ended. */
  repeat(changes: readonly Change[]): void {
    this.#again.push(...changes.map((change) => ({ change: withoutGrace(change) })))
  }

  /** What was loaded knows nothing of it. */
  force(): void {
    for (const { change } of this.#owed) this.#parts.applied.force(change)
  }

  /**
   * Appends what does not stand in the log yet.
   * @param append all or nothing @returns the position of the first; undefined: it was not appended
   */
  async pay(append: (changes: readonly Change[]) => Promise<number | undefined>): Promise<void> {
    const { generation } = this.#parts.applied
    const due = this.#due.filter((each) => !this.#isIn(each))
    if (due.length === 0) return
    const first = await append(due.map(({ change }) => change))
    if (first === undefined) return
    for (const [i, each] of due.entries()) each.stands = { generation, n: first + i }
  }

  /** What stands in a log that goes on is paid as soon as it is secured. */
  async settle(): Promise<void> {
    const { server, applied, onWritten } = this.#parts
    const stood = this.#due.filter((each) => this.#isIn(each))
    await server.secured()
    const paid = new Set(stood.filter((each) => this.#isIn(each)))
    const again = this.#again.filter((each) => paid.has(each))
    const owed = this.#owed.filter((each) => paid.has(each))
    this.#again = this.#again.filter((each) => !paid.has(each))
    this.#owed = this.#owed.filter((each) => !paid.has(each))
    for (const { change } of paid) applied.own.remember(change)
    for (const each of owed) each.paid = each.stands
    await this.#drop(owed)
    for (const { change, stands } of [...again.filter(isDeclaring), ...owed])
      onWritten(change, stands as Position)
  }

  get #due(): readonly Due[] {
    return [...this.#again, ...this.#owed]
  }

  /** It stands in the log of this generation. */
  #isIn({ stands }: Due): boolean {
    return stands?.generation === this.#parts.applied.generation
  }

  async #drop(owed: readonly Owed[]): Promise<void> {
    const { outbox, onError } = this.#parts
    const ids = owed.flatMap(({ id }) => id ?? [])
    if (ids.length === 0) return
    await outbox?.drop(ids).catch((error: unknown) => onError(error, 'emptying the outbox'))
  }
}

function isDeclaring({ change }: Due): boolean {
  return declaring.has(change.kind)
}

/** How much of it is left when it comes into the log cannot be told by any clock. */
function withoutGrace(change: Change): Change {
  if (change.kind !== 'soft') return change
  const { untilMs: _, ...rest } = change
  return { ...rest, kind: 'invalidate' }
}

function pending(cause: StaleproofError, { id, stands }: Owed): StaleproofError {
  const isKept = id !== undefined
  const where = isKept ? 'on disk' : 'in memory'
  const [how, next] =
    stands === undefined
      ? [
          'could not be appended',
          'appended as soon as that is possible: until then other nodes may serve what was made before',
        ]
      : ['may be lost from the log', 'appended again if it is']
  return new StaleproofError(
    'E_LOG_PENDING',
    `it is in force in this process, but ${how} (${cause.message}); it is kept ${where}, and ${next}`,
    { cause, details: { isKept } },
  )
}
