/**
 * Removal: takes out what is no good, and spares what became good meanwhile.
 *
 *   look at heads -> decide here -> remove those that still stand as they were seen; the others are looked at again
 *
 * Invariants: what is removed was judged as it stood then; a removal for an invalidation leaves behind since when.
 */
import type { StoredEntry } from '../bytes/format.ts'
import { keyOf } from '../bytes/names.ts'
import type { LogBeside } from '../consistency/contract.ts'
import { StaleproofError } from '../model/errors.ts'
import { listOf, numberOf, type Arg, type Driver } from './driver.ts'
import { slicesOf, type Heads, type Standing } from './heads.ts'
import { removeScript } from './tier-lua.ts'

export interface RemovalParts {
  readonly driver: Driver
  readonly log: Pick<LogBeside, 'generation' | 'applied'>
}

/** Whether it goes, and whether it is noted as ended by an invalidation; undefined: it stays. */
export type Decide = (row: Standing) => { readonly isEnded: boolean } | undefined

interface Going {
  readonly row: Standing
  readonly isEnded: boolean
}

const roundsMax = 50
const slicesAtOnce = 3
/** Names and keys that one script takes rows of. */
const namesMax = 4000

export class Removal {
  readonly #parts: RemovalParts
  readonly #heads: Heads

  constructor(parts: RemovalParts, heads: Heads) {
    this.#parts = parts
    this.#heads = heads
  }

  /** @returns how many were removed */
  async delete(names: readonly string[], isValid: (head: StoredEntry) => boolean): Promise<number> {
    const slices = slicesOf(names)
    let removed = 0
    const work = async () => {
      for (const slice of slices) {
        const count = await this.remove(slice.map(keyOf), ({ version, head }) => {
          const stays = version === '0' || (head !== undefined && isValid(head))
          return stays ? undefined : { isEnded: true }
        })
        removed += count
      }
    }
    // The server has work while what it told of others is judged here.
    await Promise.all(Array.from({ length: slicesAtOnce }, work))
    return removed
  }

  /** @returns how many were removed @throws E_REDIS_CONTENDED */
  async remove(keys: readonly Buffer[], decide: Decide): Promise<number> {
    let left = keys
    let removed = 0
    for (let round = 0; round < roundsMax && left.length > 0; round++) {
      const changed: Buffer[] = []
      for await (const rows of this.#heads.standing(left)) {
        const going = rows.flatMap((row): Going[] => {
          const verdict = decide(row)
          return verdict === undefined ? [] : [{ row, ...verdict }]
        })
        for (const batch of batchesOf(going)) {
          const outcomes = await this.#remove(batch)
          removed += outcomes.filter((outcome) => outcome === 'removed').length
          for (const [i, { row }] of batch.entries()) if (outcomes[i] === 'changed') changed.push(row.key)
        }
      }
      left = changed
    }
    if (left.length === 0) return removed
    const message = `${left.length} entries were not removed: in ${roundsMax} attempts they were always stored anew first`
    throw new StaleproofError('E_REDIS_CONTENDED', message, { details: { count: left.length } })
  }

  /** theirs: it cannot be read here, and another generation has begun. */
  async #remove(batch: readonly Going[]): Promise<('removed' | 'changed' | 'theirs')[]> {
    const { driver, log } = this.#parts
    const { generation, applied } = log
    const args = batch.flatMap(({ row: { key, version, head, names }, isEnded }): Arg[] => [
      ...[key, version, head === undefined ? '0' : '1', isEnded ? '1' : '0'],
      ...[names.length, ...names.map(keyOf)],
    ])
    const outcomes = listOf(await driver.run(removeScript, [generation, applied, ...args]))
    return outcomes.map(
      (outcome) => (['changed', 'removed', 'theirs'] as const)[numberOf(outcome)] ?? 'changed',
    )
  }
}

function* batchesOf(going: readonly Going[]): Generator<Going[], void, undefined> {
  let batch: Going[] = []
  let names = 0
  for (const each of going) {
    batch.push(each)
    names += 1 + each.row.names.length
    if (names < namesMax) continue
    yield batch
    batch = []
    names = 0
  }
  if (batch.length > 0) yield batch
}
