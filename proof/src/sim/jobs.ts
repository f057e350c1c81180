/**
 * Jobs: what became of each invalidation that was queued, step by step of the server.
 *
 *   added -> claimed -> ended: completed, failed (with a reason), cancelled
 *
 * Invariants (20): in so far as the server kept it, a job ends once, and is told of as completed by one node at most; what one
 * that completed was to end is demanded of every reader from that step on; one that failed says why.
 */
import type { Argument } from './driver.ts'
import type { Job, Parts } from './parts.ts'
import type { Step } from './redis.ts'

export interface Written {
  readonly source: number
  readonly version: number
}

/** Steps in which something became of it; Infinity: not yet. */
interface Row {
  readonly job: Job
  readonly addedIn: number
  /** All that the server had was flushed. */
  flushedIn: number
  /** What was true when it was claimed last: whoever carries it out does so later. */
  written: readonly Written[]
  endedIn: number
}

export interface JobsParts {
  readonly unsealed: Parts['unsealed']
  /** What is true now of sources by these names. */
  readonly written: (names: readonly string[]) => readonly Written[]
  readonly onClaimed: (holder: string) => void
  readonly onCompleted: (job: Job, written: readonly Written[]) => void
  readonly report: (text: string) => void
}

type Ask = readonly Argument[]

export class Jobs {
  readonly #parts: JobsParts
  readonly #rows = new Map<string, Row>()
  /** id -> who told that it completed, since the server lost something last. */
  readonly #told = new Map<string, string>()

  constructor(parts: JobsParts) {
    this.#parts = parts
  }

  /** Those that were added and did not end, as far as the server kept that. */
  get open(): readonly string[] {
    return [...this.#rows].flatMap(([id, row]) => (isOpen(row) ? [id] : []))
  }

  note(step: Step): void {
    if (step.name === 'promote' && step.answer.lost > 0) this.#forget(step.answer.kept)
    if (step.name === 'flush') this.#flushed(step.number)
    if (step.name !== 'script' || !Array.isArray(step.answer)) return
    const [what, args] = step.args
    if (what === 'queue.find' && args[3] === '1' && step.answer.length > 1) this.#claimed(args[2])
    if (step.answer[1] !== 1) return
    if (what === 'queue.add') this.#added(args, step.number)
    if (what === 'queue.claim') {
      for (let i = 2; i < args.length; i += 2) this.#claimed(args[i])
      this.#parts.onClaimed(String(args[0]))
    }
    if (what === 'queue.done' || what === 'queue.remove') this.#ended(args, step.number)
  }

  /** A node tells of it. */
  completedBy(node: string, id: string): void {
    const before = this.#told.get(id)
    if (before !== undefined) this.#parts.report(`${node} tells that ${id} completed, as ${before} did`)
    this.#told.set(id, node)
  }

  #added(args: Ask, step: number): void {
    const job = this.#parts.unsealed<Job>(Buffer.from(args[10] ?? ''), 'a job')
    this.#rows.set(job.id, { job, addedIn: step, written: [], endedIn: Infinity, flushedIn: Infinity })
  }

  #claimed(id: Argument | undefined): void {
    const row = this.#rows.get(String(id))
    if (row !== undefined) row.written = this.#parts.written(row.job.names)
  }

  #ended(args: Ask, step: number): void {
    const [id, status, bytes = ''] = [String(args[2]), String(args[3]), args[7]]
    const row = this.#rows.get(id)
    const isAskedAgain = args[10] === '1'
    if (row === undefined || row.flushedIn < step)
      return this.#parts.report(`${id} ends, and was never added`)
    if (row.endedIn < step) {
      if (!isAskedAgain) this.#parts.report(`${id} ends twice`)
      return
    }
    row.endedIn = step
    if (status === 'failed' && !Buffer.from(bytes).includes('E_'))
      this.#parts.report(`${id} failed, and nobody says why`)
    if (status !== 'completed') return
    this.#parts.onCompleted(row.job, row.written)
  }

  #flushed(step: number): void {
    this.#told.clear()
    for (const row of this.#rows.values()) row.flushedIn = Math.min(row.flushedIn, step)
  }

  /** What came after that step is lost, be it that it was flushed. */
  #forget(kept: number): void {
    this.#told.clear()
    for (const [id, row] of this.#rows) {
      if (row.addedIn > kept) this.#rows.delete(id)
      if (row.endedIn > kept) row.endedIn = Infinity
      if (row.flushedIn > kept) row.flushedIn = Infinity
    }
  }
}

function isOpen({ endedIn, flushedIn }: Row): boolean {
  return Math.min(endedIn, flushedIn) === Infinity
}
