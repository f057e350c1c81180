/**
 * Toll: what a run came to: faults that were made, answers that were judged, what was wrong.
 *
 * A strict call of a node that is spared, while the server is, must end in time, and well (16): the longest lease by the
 * slowest clock, and what the machine needs beside.
 */
import type { Tally, Word } from './said.ts'

export interface TollParts {
  readonly leaseMs: number
  /** How long nothing has struck that node and the server, and for how long nothing will. */
  readonly calmOf: (slot: number, at: number) => Calm
}

export interface Calm {
  readonly sinceMs: number
  readonly leftMs: number
}

/** After so long what struck before is over, and the connection, the lease and the tier are back. */
export const recoveredMs = 7000
/** Round trips, on a machine that has other things to do. */
const slackMs = 1500

export class Toll {
  readonly faults: string[] = []
  /** What struck -> how often. */
  readonly struckBy = new Map<string, number>()
  /** How strict calls ended -> how many. */
  readonly strict = new Map<string, number>()
  /** Strict calls that were held against the time that is promised, and the longest of them. */
  timed = 0
  longestMs = 0
  readonly tally: { -readonly [K in keyof Tally]: number } = {
    reads: 0,
    found: 0,
    fenced: 0,
    loads: 0,
    eventual: 0,
    handed: 0,
  }
  readonly #parts: TollParts

  constructor(parts: TollParts) {
    this.#parts = parts
  }

  take(word: Word, slot: number): void {
    if (word.say === 'fault') this.fault(`node ${slot}: ${word.text}`)
    if (word.say === 'strict') this.#timed(word, slot)
    if (word.say !== 'tally') return
    const { say, ...counts } = word
    for (const [name, count] of Object.entries(counts)) this.tally[name as keyof Tally] += count
  }

  fault(text: string): void {
    this.faults.push(text)
  }

  struck(name: string): void {
    add(this.struckBy, name)
  }

  get struckTimes(): number {
    return sum(this.struckBy)
  }

  text(): string {
    const { reads, found, fenced, loads, eventual, handed } = this.tally
    const bound = reads === 0 ? '' : ` <= ${(3 / reads).toExponential(1)}`
    return [
      `${this.struckTimes} faults, ${reads} answers judged (${found} values, ${loads} loads, ${fenced} looks without a lease)`,
      `${sum(this.strict)} strict (${entries(this.strict)}; ${this.timed} timed, longest ${Math.round(this.longestMs)} ms)`,
      `${eventual} eventual, ${handed} read with a token of another`,
      this.faults.length === 0 ? `0 wrong${bound}` : `${this.faults.length} WRONG`,
    ].join('; ')
  }

  #timed({ began, ended, how }: Extract<Word, { say: 'strict' }>, slot: number): void {
    add(this.strict, how)
    const { leaseMs, calmOf } = this.#parts
    const mostMs = leaseMs * 1.01 + 20 + slackMs
    const { sinceMs, leftMs } = calmOf(slot, began)
    if (sinceMs < recoveredMs || leftMs < mostMs) return
    this.timed++
    this.longestMs = Math.max(this.longestMs, ended - began)
    if (ended - began > mostMs)
      this.fault(`node ${slot}: strict took ${Math.round(ended - began)} ms (${how})`)
    if (how !== 'done')
      this.fault(`node ${slot}: strict failed, though nothing was wrong with the server: ${how}`)
  }
}

export function entries(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([name, count]) => `${count} ${name}`).join(', ')
}

function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((total, count) => total + count, 0)
}
