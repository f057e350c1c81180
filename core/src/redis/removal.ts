/**
 * Removal: takes out what is no good, and spares what became good meanwhile.
 *
 *   look at heads -> decide here -> remove those that still stand as they were seen; the others are looked at again
 *
 * Invariants: what is removed was judged as it stood then, in the generation that the removal is sent for; a removal for an
 * invalidation leaves behind since when.
 */
import type { StoredEntry } from '../bytes/format.ts'
import { sentKeyOf } from '../bytes/names.ts'
import type { LogBeside } from '../consistency/contract.ts'
import { StaleproofError } from '../model/errors.ts'
import { listOf, numberOf, type Arg, type Driver } from './driver.ts'
import { slicesOf, type Heads, type Standing } from './heads.ts'
import { removeScript } from './tier-lua.ts'

export interface RemovalParts {
  readonly driver: Driver
  readonly log: Pick<LogBeside, 'generation'>
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
        const count = await this.remove(slice.map(sentKeyOf), ({ version, head }) => {
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
  async remove(keys: readonly (string | Buffer)[], decide: Decide): Promise<number> {
    const { driver, log } = this.#parts
    let left = keys
    let removed = 0
    for (let round = 0; round < roundsMax && left.length > 0; round++) {
      const changed: (string | Buffer)[] = []
      const { generation } = log
      for await (const rows of this.#heads.standing(left)) {
        const going = rows.flatMap((row): Going[] => {
          const verdict = decide(row)
          return verdict === undefined ? [] : [{ row, ...verdict }]
        })
        for (const batch of batchesOf(going)) {
          // It was judged in another: what that could not read may be an entry of this one.
          if (log.generation !== generation) {
            changed.push(...batch.map(({ row }) => row.key))
            continue
          }
          const [count, others] = listOf(await driver.run(removeScript, argsOf(generation, batch)))
          removed += numberOf(count)
          for (const i of listOf(others)) changed.push((batch[numberOf(i) - 1] as Going).row.key)
        }
      }
      left = changed
    }
    if (left.length === 0) return removed
    const message = `${left.length} entries were not removed: in ${roundsMax} attempts they were always stored anew first`
    throw new StaleproofError('E_REDIS_CONTENDED', message, { details: { count: left.length } })
  }
}

function argsOf(generation: string, batch: readonly Going[]): Arg[] {
  const args: Arg[] = [generation]
  for (const alike of runsOf(batch)) pushRun(args, alike)
  return args
}

/** Rows that follow each other and differ in nothing but key and version. */
function* runsOf(batch: readonly Going[]): Generator<readonly Going[], void, undefined> {
  let from = 0
  for (let at = 1; at <= batch.length; at++) {
    if (at < batch.length && areAlike(batch[from] as Going, batch[at] as Going)) continue
    yield batch.slice(from, at)
    from = at
  }
}

function areAlike(one: Going, other: Going): boolean {
  const [names, others] = [one.row.names, other.row.names]
  return (
    one.isEnded === other.isEnded &&
    (one.row.head === undefined) === (other.row.head === undefined) &&
    names.length === others.length &&
    names.every((name, i) => name === others[i])
  )
}

function pushRun(args: Arg[], alike: readonly Going[]): void {
  const { row, isEnded } = alike[0] as Going
  args.push(row.head === undefined ? '0' : '1', isEnded ? '1' : '0')
  args.push(row.names.length, ...row.names.map(sentKeyOf), alike.length)
  for (const {
    row: { key, version },
  } of alike)
    args.push(key, `${version} `)
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
