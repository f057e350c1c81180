/**
 * Debt: what this node has to append before it may have a lease again.
 *
 *   owed   could not be appended: in force here at once, between two positions of the log, and kept in the outbox
 *   again  was appended to a generation that ended, and may have been in the tail that was lost
 *
 * Invariants: it is paid in order, all of it at once; what is paid leaves the outbox afterwards, so that a crash in
 * between appends it twice, which is harmless, and never not at all.
 */
import type { Change, ChangeOutbox } from '../log/contract.ts'
import { StaleproofError } from '../model/errors.ts'
import type { Position } from '../model/position.ts'
import type { Applied } from './applied.ts'
import type { Sending } from './own.ts'

export interface DebtParts {
  readonly applied: Applied
  readonly outbox?: ChangeOutbox | undefined
  readonly onError: (error: unknown, during: string) => void
}

interface Owed {
  readonly change: Change
  /** In the outbox, if there is one and it took it. */
  id: number | undefined
  /** Where it is in the log now. */
  paid?: Position
}

export class Debt {
  readonly #parts: DebtParts
  readonly #owed: Owed[]
  readonly #again: Change[] = []

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

  /**
   * @param failure why it could not be appended @returns where it is, if it was paid before it was kept
   * @throws E_LOG_PENDING
   */
  async owe({ change, before }: Sending, failure: StaleproofError | undefined): Promise<Position> {
    const { applied, outbox, onError } = this.#parts
    const owed: Owed = { change: withoutGrace(change), id: undefined }
    this.#owed.push(owed)
    applied.force(change, before)
    try {
      owed.id = await outbox?.keep(owed.change)
    } catch (error) {
      onError(error, 'keeping what could not be appended')
    }
    if (owed.paid === undefined) throw pending(failure, owed.id !== undefined)
    await this.#drop([owed])
    return owed.paid
  }

  /** What this node appended to the generation that ended. */
  repeat(changes: readonly Change[]): void {
    this.#again.push(...changes.map(withoutGrace))
  }

  /** What was loaded knows nothing of it. */
  force(): void {
    for (const { change } of this.#owed) this.#parts.applied.force(change)
  }

  /**
   * @param append all or nothing @returns the position of the first; undefined: it was not appended
   * @returns what was owed, and where it is in the log now
   */
  async pay(
    append: (changes: readonly Change[]) => Promise<number | undefined>,
  ): Promise<readonly (readonly [Change, n: number])[]> {
    const { generation } = this.#parts.applied
    const [again, owed] = [[...this.#again], [...this.#owed]]
    const changes = [...again, ...owed.map(({ change }) => change)]
    if (changes.length === 0) return []
    const first = await append(changes)
    if (first === undefined) return []
    this.#again.splice(0, again.length)
    this.#owed.splice(0, owed.length)
    for (const [i, each] of owed.entries()) each.paid = { generation, n: first + again.length + i }
    await this.#drop(owed)
    return owed.map(({ change }, i) => [change, first + again.length + i])
  }

  async #drop(owed: readonly Owed[]): Promise<void> {
    const { outbox, onError } = this.#parts
    const ids = owed.flatMap(({ id }) => id ?? [])
    if (ids.length === 0) return
    await outbox?.drop(ids).catch((error: unknown) => onError(error, 'emptying the outbox'))
  }
}

/** How much of it is left when it comes into the log cannot be told by any clock. */
function withoutGrace(change: Change): Change {
  if (change.kind !== 'soft') return change
  const { untilMs: _, ...rest } = change
  return { ...rest, kind: 'invalidate' }
}

function pending(cause: StaleproofError | undefined, isKept: boolean): StaleproofError {
  const why = cause?.message ?? 'others wait before it'
  const where = isKept ? 'on disk' : 'in memory'
  return new StaleproofError(
    'E_LOG_PENDING',
    `it is in force in this process, but could not be appended (${why}); it is kept ${where}, and appended as soon as ` +
      'that is possible: until then other nodes may serve what was made before',
    { cause, details: { isKept } },
  )
}
