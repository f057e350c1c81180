/**
 * What was seen of tier and log in one step, for who decides what is kept of an entry: the way of redis/hold.ts, but that
 * all there was has been looked at.
 */
import type { EntryParts as Entry, Head, Hold } from 'staleproof'
import type { Change, Member, Since, Told } from './parts.ts'
import { absent, dependentsOf, type Look, type Storing } from './tier-scripts.ts'

/** A question of who decides, with its answer. */
export type Asked =
  | { readonly what: 'head'; readonly name: string; readonly answer: Head | undefined }
  | { readonly what: 'ended'; readonly name: string; readonly answer: number }
  | { readonly what: 'dependents'; readonly name: string; readonly answer: readonly Head[] }
  | {
      readonly what: 'announce'
      readonly name: string
      readonly answer: number
      readonly record: Omit<Told, 'n'>
    }

export interface Deciding {
  readonly member: Member
  /** Names that the decision rests on. */
  readonly names: Set<string>
  readonly isInvalid: (head: Head) => boolean
}

export class SeenHold implements Hold {
  /** Records that are to be appended if the entry is stored. */
  readonly announced: Omit<Told, 'n'>[] = []
  readonly asked: Asked[] = []
  readonly #look: Look
  readonly #deciding: Deciding
  readonly #sets = new Set<string>()
  readonly #isCurrent: boolean

  constructor(look: Look, deciding: Deciding) {
    this.#look = look
    this.#deciding = deciding
    this.#isCurrent = deciding.member.take(look.said)
  }

  get isCurrent(): boolean {
    return this.#isCurrent && this.announced.length === 0
  }

  /** Whether the log is that of this node. */
  get hasLog(): boolean {
    return this.#look.said.is === 'same' || this.#look.said.is === 'gap'
  }

  get tail(): number | undefined {
    return this.#look.said.is === 'same' ? this.#look.said.tail : undefined
  }

  headOf(name: string): Head | undefined {
    this.#deciding.names.add(name)
    const answer = this.#headOf(name)
    this.asked.push({ what: 'head', name, answer })
    return answer
  }

  endedAt(name: string): number {
    this.#deciding.names.add(name)
    const answer = this.hasLog ? (this.#look.ended.get(name) ?? 0) : 0
    this.asked.push({ what: 'ended', name, answer })
    return answer
  }

  dependentsOf(name: string): readonly Head[] {
    this.#sets.add(name)
    const answer = this.#keysOf(name).flatMap((key) => (key === name ? [] : (this.#headOf(key) ?? [])))
    this.asked.push({ what: 'dependents', name, answer })
    return answer
  }

  announce(key: string, before: (n: number) => void): number {
    const { member } = this.#deciding
    const change: Change = { kind: 'change', names: [key] }
    const record = member.own(change, before)
    this.announced.push(record)
    const answer = (this.tail ?? member.applied) + this.announced.length
    this.asked.push({ what: 'announce', name: key, answer, record })
    return answer
  }

  /** Whether what stands there is newer. */
  isNewer({ key, stamp, keyStamp }: Entry): boolean {
    const head = this.#headOf(key)
    return head !== undefined && (stamp < head.stamp || keyStamp < head.keyStamp)
  }

  storing(entry: Entry, since: Since): Storing {
    const { entries, ended } = this.#look
    const before = this.#headOf(entry.key)
    const names = [...this.#deciding.names].map((name) => {
      const seen = { version: entries.get(name)?.version ?? absent, ended: ended.get(name) ?? 0 }
      return [name, seen] as const
    })
    // What is announced takes the next position: whoever depends on the entry by now is reached by that.
    const isAnnounced = this.announced.length > 0
    const sets = isAnnounced
      ? []
      : [...this.#sets].map((name) => [name, dependentsOf(entries, name)] as const)
    return {
      since,
      tail: isAnnounced ? this.tail : undefined,
      records: this.announced,
      names: new Map(names),
      sets: new Map(sets),
      entry,
      isEnded: before !== undefined && this.#deciding.isInvalid(before),
    }
  }

  #headOf(name: string): Entry | undefined {
    if (!this.hasLog) return undefined
    const entry = this.#look.entries.get(name)?.entry
    return entry?.generation === this.#deciding.member.generation ? entry : undefined
  }

  #keysOf(name: string): readonly string[] {
    return this.hasLog ? [...dependentsOf(this.#look.entries, name).keys()] : []
  }
}
