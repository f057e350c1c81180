/**
 * Tally: what all runs together came to.
 */
import type { Chain } from './chains.ts'

export class Tally {
  readonly faults: string[] = []
  readonly boundaries = new Map<string, number>()
  readonly told = new Map<string, number>()
  kills = 0
  acknowledged = 0
  reads = 0
  readonly #began = Date.now()

  add({ faults, kills, boundaries, acknowledged, reads, told }: Chain): void {
    this.faults.push(...faults)
    this.kills += kills
    this.acknowledged += acknowledged
    this.reads += reads
    for (const [what, times] of boundaries) add(this.boundaries, what, times)
    for (const text of told) add(this.told, text.replace(/[0-9a-f-]{8,}|\d+/g, '#').slice(0, 160), 1)
  }

  text(): string {
    const seconds = Math.round((Date.now() - this.#began) / 1000)
    return [
      `${this.kills} kills at ${this.boundaries.size} kinds of boundaries, ${this.acknowledged} acknowledged, ${this.reads} answers judged, ${seconds} s`,
      ...this.faults,
    ].join('\n')
  }
}

function add(counts: Map<string, number>, what: string, times: number): void {
  counts.set(what, times + (counts.get(what) ?? 0))
}
