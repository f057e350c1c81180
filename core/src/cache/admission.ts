/**
 * Admission: whether, and as what, a tier that processes share keeps an entry; decided while nobody else writes.
 *
 * What processes do to each other's entries shows here: inputs that were made anew from more than before, dependents
 * that do not know what the entry is made from now.
 *
 *   page <- list {a}   is being stored    here: list is made from {a, b} by now    page inherits b, and is judged by it
 *   list {a, b}        is being stored    here: page depends on list, knows a only  a change of list is announced
 *   page {}            is being stored    here: page is made from list              others may hold that: the same of page
 *   page {list}        is being stored    here: page is made from nothing           others may hold that: the same of page
 *
 * What is perhaps valid, while a wide record is written, is not kept, and counts as valid where it is others'.
 *
 * Invariants: afterwards every valid entry that depends on another carries what that is made from; an announcement
 * passes over nothing that was invalidated before it.
 */
import type { Judge } from '../log/judge.ts'
import type { EntryParts } from '../model/entry.ts'
import type { Admit, Hold } from '../tiers/contract.ts'

/** Dependents that are looked at one by one, at most: if there are more, some are taken not to know. */
const lookedMax = 100

/** admitted: it is kept; refused: something it is made from was invalidated; behind: to be judged again, and tried. */
export type Verdict = 'admitted' | 'refused' | 'behind'

export interface AdmissionParts {
  readonly judge: Judge
  /** Whether others may have what the tier holds in their memory. */
  readonly isShared: () => boolean
  /** Whether what is declared to depend on the key is declared to depend on these, too. */
  readonly isDeclared: (key: string, dependencies: readonly string[]) => boolean
}

export class Admission {
  /** Of the last time that the tier asked; undefined if it did not. */
  verdict: Verdict | undefined
  /** If it was refused: position of what it is refused for, or after that; after its stamp in any case. */
  overtakenAt = 0
  /** All that it is made from, if some of that has to be declared first. */
  undeclared: readonly string[] = []
  readonly #judge: Judge
  readonly #isShared: () => boolean
  readonly #isDeclared: AdmissionParts['isDeclared']
  readonly #entry: EntryParts
  readonly #onAnnounce: (n: number) => void

  /** @param onAnnounce right before a change of the key is applied, which the entry itself declared */
  constructor(
    { judge, isShared, isDeclared }: AdmissionParts,
    entry: EntryParts,
    onAnnounce: (n: number) => void,
  ) {
    this.#judge = judge
    this.#isShared = isShared
    this.#isDeclared = isDeclared
    this.#entry = entry
    this.#onAnnounce = onAnnounce
  }

  readonly admit: Admit = (hold) => {
    if (!hold.isCurrent) return this.#refuse('behind')
    const entry = { ...this.#entry, dependencies: this.#inherited(hold) }
    if (!this.#isDeclared(entry.key, entry.dependencies)) {
      this.undeclared = entry.dependencies
      return this.#refuse('behind')
    }
    const n = this.#overtakenBy(hold) ?? this.#judge.verdict(entry)?.n
    if (n !== undefined) {
      this.overtakenAt = Math.max(n, entry.stamp + 1)
      return this.#refuse('refused')
    }
    this.verdict = 'admitted'
    const isOther = this.#isShared() && isMadeOtherwise(entry, hold, this.#judge)
    if (!isOther && !hasToTell(entry, hold, this.#judge)) return entry
    return { ...entry, keyStamp: hold.announce(entry.key, this.#onAnnounce) }
  }

  #refuse(verdict: Verdict): undefined {
    this.verdict = verdict
  }

  /** Direct ones first, as they were. */
  #inherited(hold: Hold): readonly string[] {
    const { key, dependencies, directCount } = this.#entry
    const all = new Set(dependencies)
    for (const name of dependencies.slice(0, directCount)) {
      for (const inherited of hold.headOf(name)?.dependencies ?? []) if (inherited !== key) all.add(inherited)
    }
    return all.size === dependencies.length ? dependencies : [...all]
  }

  /** Position at which an entry that this one may have been made from was removed as invalid since; undefined: none was. */
  #overtakenBy(hold: Hold): number | undefined {
    const { dependencies, directCount, stamp } = this.#entry
    const ends = dependencies.slice(0, directCount).map((name) => hold.endedAt(name))
    const n = Math.max(0, ...ends)
    return n > stamp ? n : undefined
  }
}

/**
 * Whether the entry is made from something else than the one before: others may have that in memory, and could not be told any more
 * of what it lacks, when its inputs are made anew: it is by the entry in the tier that it is seen who has to be told.
 */
function isMadeOtherwise({ key, dependencies }: EntryParts, hold: Hold, judge: Judge): boolean {
  const before = hold.headOf(key)
  if (before === undefined || judge.certain(before) !== undefined) return false
  const known = new Set(dependencies)
  return before.dependencies.length !== known.size || before.dependencies.some((name) => !known.has(name))
}

/** Whether a valid entry depends on this one and lacks something that this one is made from. */
function hasToTell({ key, dependencies }: EntryParts, hold: Hold, judge: Judge): boolean {
  const known = new Set(hold.headOf(key)?.dependencies)
  if (dependencies.every((name) => known.has(name))) return false
  let looked = 0
  for (const dependent of hold.dependentsOf(key)) {
    if (++looked > lookedMax) return true
    const carried = new Set([...dependent.dependencies, dependent.key])
    const isTold = dependencies.every((name) => carried.has(name))
    if (!isTold && judge.certain(dependent) === undefined) return true
  }
  return false
}
