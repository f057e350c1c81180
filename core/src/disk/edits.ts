/**
 * Edits: carries edits out, and what follows when they are committed.
 *
 * Invariant: a file goes when no row that is committed refers to it, and not before.
 */
import type { Clock } from '../model/clock.ts'
import { Edit } from './edit.ts'
import type { DiskLog } from './log.ts'
import type { ValueFile } from '../bytes/format.ts'
import type { Rows } from './rows.ts'
import { ValueFiles } from './values.ts'

export interface EditsParts {
  readonly rows: Rows
  readonly directory: string
  readonly log: Pick<DiskLog, 'commit' | 'applied'>
  readonly clock: Clock
  readonly onError: (error: unknown, during: string) => void
}

export class Edits {
  readonly files: ValueFiles
  readonly #parts: EditsParts

  constructor(parts: EditsParts) {
    this.#parts = parts
    const newWriter = () => this.carryOut(({ counts }) => ++counts.writers)
    this.files = new ValueFiles(parts.directory, newWriter)
  }

  /** Does the work in a transaction. @throws E_DISK_FULL, E_DISK_FAILED, E_CACHE_CLOSED: nothing of it was done */
  async carryOut<T>(work: (edit: Edit) => T): Promise<T> {
    const { rows, log, clock } = this.#parts
    const { done, edit } = await log.commit(() => {
      const edit = new Edit(rows, { nowMs: clock.now(), n: log.applied })
      const done = work(edit)
      edit.end()
      return { done, edit }
    })
    await this.#follow(edit)
    return done
  }

  /** One that nothing refers to; if it cannot go now, the sweeper finds it. */
  async unlink(file: ValueFile): Promise<void> {
    const { onError } = this.#parts
    await this.files.remove(file).catch((error: unknown) => onError(error, 'removing the file of a value'))
  }

  async #follow({ dropped, spoiled, damage }: Edit): Promise<void> {
    const { onError } = this.#parts
    for (const { name, why } of damage) onError(why, `reading '${name}' from disk: it is set aside`)
    for (const file of dropped) await this.unlink(file)
    for (const file of spoiled) {
      await this.files
        .setAside(file)
        .catch((error: unknown) => onError(error, 'setting the file of a value aside'))
    }
  }
}
