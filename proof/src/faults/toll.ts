/**
 * Toll: what a run came to: faults that were made, answers that were judged, what was wrong.
 *
 * A strict call of a node that is spared, while the server is, must end in time, and well (16): the longest lease by the
 * slowest clock, and what the machine needs beside.
 */
import { Jobs } from './jobs.ts'
import { Logged } from './logged.ts'
import { nowMs, type Tally, type Word } from './said.ts'

export interface TollParts {
  readonly leaseMs: number
  /** How long nothing has struck that node and the server, and for how long nothing will. */
  readonly calmOf: (slot: number, at: number) => Calm
}

export interface Calm {
  readonly sinceMs: number
  readonly leftMs: number
}

/** So long after what struck, the connection, the lease and the tier are back. */
const recoveredMs = 4000
/** Round trips, on a machine that has other things to do. */
const slackMs = 1500
const strikesKept = 20

export class Toll {
  readonly faults: string[] = []
  /** Strict calls that took longer than is promised, or failed: theirs, or that of a machine that stood still. */
  readonly late: string[] = []
  /** What struck -> how often. */
  readonly struckBy = new Map<string, number>()
  /** How strict calls ended -> how many. */
  readonly strict = new Map<string, number>()
  /** Strict calls that were held against the time that is promised, and the longest of them. */
  timed = 0
  isVoid = false
  longestMs = 0
  readonly tally: { -readonly [K in keyof Tally]: number } = {
    reads: 0,
    found: 0,
    fenced: 0,
    loads: 0,
    eventual: 0,
    handed: 0,
    kept: 0,
  }
  /** The last that struck. */
  readonly #strikes: { readonly text: string; readonly at: number }[] = []
  readonly jobs = new Jobs()
  readonly logged = new Logged((text) => this.fault(text))
  readonly #parts: TollParts

  constructor(parts: TollParts) {
    this.#parts = parts
  }

  take(word: Word, slot: number): void {
    if (word.say === 'fault') this.fault(`node ${slot}: ${word.text}`, word.at)
    if (word.say === 'strict') this.#timed(word, slot)
    if (word.say === 'logged') this.logged.take(word)
    this.jobs.take(word)
    if (word.say !== 'tally') return
    const { say, ...counts } = word
    for (const [name, count] of Object.entries(counts)) this.tally[name as keyof Tally] += count
  }

  /** The server may have lost what it acknowledged until then. */
  lost(at: number): void {
    this.jobs.lost(at)
    this.logged.lost(at)
  }

  /** The first tells what struck before it, as a seed is not a replay. */
  fault(text: string, at = nowMs()): void {
    const ago = (since: number) => `${Math.round(at - since)} ms before`
    const before = this.#strikes.map(({ text: struck, at: since }) => `${struck} ${ago(since)}`)
    this.faults.push(this.faults.length === 0 ? [text, ...before].join('\n    ') : text)
  }

  /** What was found wrong counts for nothing: two primaries were there at once. */
  voids(): void {
    this.faults.length = 0
    this.late.length = 0
    this.isVoid = true
  }

  struck(name: string, whom: string): void {
    add(this.struckBy, name)
    this.#strikes.push({ text: `${whom}: ${name}`, at: nowMs() })
    if (this.#strikes.length > strikesKept) this.#strikes.shift()
  }

  get struckTimes(): number {
    return sum(this.struckBy)
  }

  text(): string {
    const { reads, found, fenced, loads, eventual, handed, kept } = this.tally
    const { accepted, ends, excused } = this.jobs
    return [
      `${this.struckTimes} faults, ${reads} answers judged (${found} values, ${loads} loads, ${fenced} looks without a lease)`,
      `${sum(this.strict)} strict (${entries(this.strict)}; ${this.timed} timed, longest ${Math.round(this.longestMs)} ms)`,
      `${eventual} eventual, ${handed} read with a token of another, ${kept} values from directories`,
      `${accepted} queued (${entries(ends)}; ${excused} that may be lost)`,
      `${this.logged.compared} acknowledged looked for in a promoted replica`,
      this.#verdict,
    ].join('; ')
  }

  get #verdict(): string {
    if (this.isVoid) return 'VOID: there were two primaries at once'
    const { reads } = this.tally
    const bound = reads === 0 ? '' : ` <= ${(3 / reads).toExponential(1)}`
    const late = this.late.length === 0 ? '' : `, ${this.late.length} LATE`
    return (this.faults.length === 0 ? `0 wrong${bound}` : `${this.faults.length} WRONG`) + late
  }

  #timed({ began, ended, how }: Extract<Word, { say: 'strict' }>, slot: number): void {
    add(this.strict, how)
    const { leaseMs, calmOf } = this.#parts
    const mostMs = leaseMs * 1.01 + 20 + slackMs
    const { sinceMs, leftMs } = calmOf(slot, began)
    if (sinceMs < recoveredMs || leftMs < mostMs) return
    this.timed++
    this.longestMs = Math.max(this.longestMs, ended - began)
    if (ended - began > mostMs || how !== 'done')
      this.late.push(
        `node ${slot}: strict took ${Math.round(ended - began)} ms, nothing wrong with the server: ${how}`,
      )
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
