/**
 * Settling: an entry is stored as is decided here, while nobody else writes; nobody waits for anybody.
 *
 *   look: heads, ends, dependents and the log, in one step -> decide -> store, if all of that still stands, in one step
 *                                                        ^-- else look again
 *
 * What is announced takes the next position of the log: it is stored only if the log ends where it was seen to end.
 * Then it does not matter who depends on the entry by now: they were made before, and are reached by the record.
 *
 * Invariants: what is stored was decided on what stood there when it was stored; an announcement is in the log if and
 * only if its entry is stored; fills that share a dependency which is no entry are in nobody's way.
 */
import { none, type Encoded } from '../bytes/encoded.ts'
import { goneAtOf } from '../bytes/format.ts'
import { keyOf } from '../bytes/names.ts'
import type { LogBeside } from '../consistency/contract.ts'
import type { Clock, Random } from '../model/clock.ts'
import type { EntryParts } from '../model/entry.ts'
import { StaleproofError } from '../model/errors.ts'
import type { Admit, Head } from '../tiers/contract.ts'
import { bytesOf, listOf, numberOf, textOf, type Arg, type Driver, type Reply } from './driver.ts'
import { entryOf, type Heads } from './heads.ts'
import { nothingSeen, SnapshotHold, Wanted, type Seen, type SeenSet, type Snapshot } from './hold.ts'
import { recordBytes, saidOf, sinceArgs } from './log-server.ts'
import { lookScript, storeScript } from './tier-lua.ts'

export interface SettlingParts {
  readonly driver: Driver
  readonly log: LogBeside
  readonly clock: Clock
  readonly random: Random
  readonly isInvalid: (head: Head) => boolean
}

export interface ToSettle {
  readonly entry: EntryParts
  readonly value: Encoded
  readonly admit: Admit
}

/** Somebody gets through in each round, but for those that look for more. */
const roundsMax = 50
const unspacedRounds = 3
const spaceMsMax = 50
/** An expiry that the server takes: some thousand years. */
const expiryMsMax = 1e14

/** again: something has changed meanwhile. */
type Outcome = EntryParts | undefined | 'again'

export class Settling {
  readonly #parts: SettlingParts
  readonly #heads: Heads
  /** key -> the last one under way: those of one process do not race each other. Never rejects. */
  readonly #last = new Map<string, Promise<unknown>>()

  constructor(parts: SettlingParts, heads: Heads) {
    this.#parts = parts
    this.#heads = heads
  }

  /** @throws E_REDIS_CONTENDED, and what the driver throws */
  settle(what: ToSettle): Promise<EntryParts | undefined> {
    const { key } = what.entry
    const last = this.#last.get(key)
    const settled = last === undefined ? this.#settle(what) : last.then(() => this.#settle(what))
    const ended: Promise<void> = settled
      .then(
        () => undefined,
        () => undefined,
      )
      .then(() => {
        if (this.#last.get(key) === ended) this.#last.delete(key)
      })
    this.#last.set(key, ended)
    return settled
  }

  async #settle(what: ToSettle): Promise<EntryParts | undefined> {
    const { key, dependencies, directCount } = what.entry
    const wanted = new Wanted([key, ...dependencies.slice(0, directCount)], [[key, false]])
    for (let round = 0; round < roundsMax; round++) {
      if (round > unspacedRounds) await this.#space(round)
      const outcome = await this.#round(what, wanted)
      if (outcome !== 'again') return outcome
    }
    throw new StaleproofError(
      'E_REDIS_CONTENDED',
      `'${key}' was not stored: in ${roundsMax} attempts others always changed what it is made from, or the log, first`,
      { details: { key } },
    )
  }

  async #round(what: ToSettle, wanted: Wanted): Promise<Outcome> {
    const { log } = this.#parts
    const snapshot = await this.#look(wanted)
    if (what.entry.generation !== log.generation) return undefined
    const hold = new SnapshotHold(snapshot ?? nothingSeen, log, wanted)
    let isStored = false
    try {
      const admitted = what.admit(hold)
      if (snapshot === undefined) return undefined
      if (hold.isMissing) return 'again'
      const before = entryOf(snapshot.names.get(what.entry.key), what.entry.key)
      if (admitted === undefined || (before !== undefined && isOlder(admitted, before))) return undefined
      if (hold.announced.length > 0 && snapshot.tail === undefined) return 'again'
      isStored = await this.#store({ ...what, entry: admitted }, hold)
      return isStored ? admitted : 'again'
    } finally {
      if (!isStored) hold.disown()
    }
  }

  /** @returns undefined: the log has ended, or is of another generation */
  async #look(wanted: Wanted): Promise<Snapshot | undefined> {
    const { driver, log } = this.#parts
    const names = [...wanted.names]
    const sets = [...wanted.sets]
    const [told, heads, dependents] = listOf(
      await driver.run(lookScript, [
        ...sinceArgs(log.since()),
        ...[names.length, ...names.map(keyOf)],
        ...sets.flatMap(([name, isAll]) => [keyOf(name), isAll ? '1' : '0']),
      ]),
    )
    const said = saidOf(told)
    const isCurrent = log.take(said)
    if (said.is !== 'same' && said.is !== 'gap') return undefined
    return {
      isCurrent,
      tail: said.is === 'same' ? said.tail : undefined,
      names: new Map(names.map((name, i) => [name, this.#seen(name, listOf(heads)[i])])),
      sets: new Map(sets.map(([name], i) => [name, this.#seenSet(listOf(dependents)[i])])),
    }
  }

  #seen(name: string, reply: Reply | undefined): Seen {
    const [row, ended] = listOf(reply)
    return { ...this.#heads.read(keyOf(name), row), ended: textOf(ended) }
  }

  #seenSet(reply: Reply | undefined): SeenSet {
    const [count, list] = listOf(reply)
    const size = numberOf(count)
    const rows = listOf(list).map((row) => {
      const [key, head] = listOf(row)
      return this.#heads.read(bytesOf(key), head)
    })
    return { size, rows: rows.length === 0 && size > 0 ? undefined : rows }
  }

  async #store({ entry, value }: ToSettle, hold: SnapshotHold): Promise<boolean> {
    const { driver, log } = this.#parts
    const { snapshot, announced } = hold
    const [isStored, told] = listOf(
      await driver.run(storeScript, [
        ...sinceArgs(log.since()),
        announced.length > 0 ? (snapshot.tail as number) : '',
        announced[0]?.node ?? '',
        ...counted(announced.map(({ nonce, change, atMs }) => [nonce, recordBytes({ change, atMs })])),
        ...counted([...snapshot.names.values()].map(({ key, version, ended }) => [key, version, ended])),
        ...(announced.length > 0 ? [0] : setArgs(hold)),
        ...this.#rowArgs(entry, value),
        this.#endsOne(snapshot.names.get(entry.key)?.head) ? '1' : '0',
        ...indexArgs(entry, snapshot.names.get(entry.key)?.names ?? []),
      ]),
    )
    log.take(saidOf(told))
    return numberOf(isStored) === 1
  }

  /** Key, value, how long that can be served, head, until when. */
  #rowArgs(entry: EntryParts, value: Encoded): Arg[] {
    const { format } = this.#heads
    const row = { entry, file: undefined, sequence: 0, indexBytes: 0 }
    const goneAt = goneAtOf(entry, entry.kind === 'value' && entry.value !== undefined)
    const leftMs = Math.ceil(goneAt - this.#parts.clock.now())
    return [
      keyOf(entry.key),
      value === none ? '' : format.encode({ ...row, value }),
      Math.min(Math.max(leftMs, 1), expiryMsMax),
      format.encode({ ...row, value: none }),
      goneAt === Infinity ? '+inf' : goneAt,
    ]
  }

  /** Whoever was made from the one before is to be told, though nobody had come by to remove it. */
  #endsOne(before: Head | undefined): boolean {
    return before !== undefined && this.#parts.isInvalid(before)
  }

  #space(round: number): Promise<void> {
    const { clock, random } = this.#parts
    const delayMs = random() * Math.min(2 ** (round - unspacedRounds), spaceMsMax)
    return new Promise((resolve) => clock.schedule(delayMs, resolve, true))
  }
}

/** What was looked into has to be the same. */
function setArgs({ snapshot, looked }: SnapshotHold): Arg[] {
  return counted(
    [...looked].map((name) => {
      const { size, rows = [] } = snapshot.sets.get(name) as SeenSet
      return [keyOf(name), size, ...counted(rows.map(({ key, version }) => [key, version]))]
    }),
  )
}

/** Names that the key comes under, and those that it leaves. */
function indexArgs({ dependencies }: EntryParts, before: readonly string[]): Arg[] {
  const [known, now] = [new Set(before), new Set(dependencies)]
  const added = dependencies.filter((name) => !known.has(name))
  const left = before.filter((name) => !now.has(name))
  return [...counted(added.map((name) => [keyOf(name)])), ...counted(left.map((name) => [keyOf(name)]))]
}

function counted(rows: readonly Arg[][]): Arg[] {
  return [rows.length, ...rows.flat()]
}

function isOlder(entry: EntryParts, held: EntryParts): boolean {
  return entry.stamp < held.stamp || entry.keyStamp < held.keyStamp
}
