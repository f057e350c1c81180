/**
 * Chains: one directory, and one life on it after the other, each of which is cut off somewhere; the last one holds
 * everything against what was acknowledged.
 *
 *   killed     the process ends at a boundary, or at any moment; what it committed stays
 *   powerless  so does the machine: what was not flushed is gone
 */
import type { Line } from './journal.ts'
import { type Ended, faultsOf, Lives } from './lives.ts'
import { Dice } from './roles.ts'

export type Death = 'boundary' | 'moment' | 'power'

export interface ChainOptions {
  /** Folder of the library's copy. */
  readonly library: string
  readonly seed: number
  readonly death: Death
  /** Lives before the last. */
  readonly lives: number
  /** Boundaries at which lives end: from one to the next, so far. */
  readonly first: number
  readonly stride: number
}

export interface Chain {
  readonly faults: readonly string[]
  readonly kills: number
  /** What was about to be done, or done, when a life ended itself -> how often. */
  readonly boundaries: ReadonlyMap<string, number>
  readonly acknowledged: number
  readonly reads: number
  readonly found: number
  readonly told: readonly string[]
}

export async function runChain(options: ChainOptions): Promise<Chain> {
  const lives = new Lives(options.library)
  const dice = new Dice(options.seed)
  let kills = 0
  const faults: string[] = []
  for (let i = 0; i < options.lives && faults.length === 0; i++) {
    const ended = await one(lives, { options, dice, i })
    if (ended.signal === 'SIGKILL') kills++
    faults.push(...faultsOf(lives, ended))
  }
  if (faults.length === 0) {
    const isPowerLost = options.death === 'power'
    const ended = await lives.live({ seed: options.seed + 999, isLast: true, isPowerLost })
    faults.push(...faultsOf(lives, ended))
    if (!isPowerLost) faults.push(...doubled(lives.lines))
  }
  const chain = { ...summary(lives.lines), kills, faults: [...new Set(faults)] }
  if (faults.length === 0) lives.remove()
  else chain.faults.push(`all of it is in ${lives.home}`)
  return chain
}

async function one(
  lives: Lives,
  { options, dice, i }: { options: ChainOptions; dice: Dice; i: number },
): Promise<Ended> {
  const how = { seed: options.seed + i, maxBytes: dice.of([150_000, 4_000_000]) }
  const dieAt = options.first + i * options.stride
  if (options.death === 'boundary') return lives.live({ ...how, dieAt })
  if (options.death === 'power') {
    const ended = await lives.live({ ...how, dieAt, isPowerLost: true })
    lives.losePower()
    return ended
  }
  const life = lives.begin({ ...how, steps: 100_000 })
  await life.isReady
  await new Promise((resolve) => setTimeout(resolve, dice.below(120)))
  life.process.kill('SIGKILL')
  return life.ended
}

/** Ends of queued jobs that were told of more than once. */
export function doubled(lines: readonly Line[]): string[] {
  const ends = new Map<string, number>()
  for (const line of lines) if (line.say === 'ended') ends.set(line.id, 1 + (ends.get(line.id) ?? 0))
  return [...ends].filter(([, times]) => times > 1).map(([id, times]) => `job ${id} ended ${times} times`)
}

/** What the lines come to. */
export function summary(lines: readonly Line[]): Omit<Chain, 'kills' | 'faults'> {
  const boundaries = new Map<string, number>()
  let [acknowledged, reads, found] = [0, 0, 0]
  const told: string[] = []
  for (const line of lines) {
    if (line.say === 'dies') boundaries.set(line.what, 1 + (boundaries.get(line.what) ?? 0))
    if (line.say === 'done' || line.say === 'accepted' || line.say === 'cancelled') acknowledged++
    if (line.say === 'told') told.push(line.text)
    if (line.say === 'ready') reads += line.verified
    if (line.say === 'end') [reads, found] = [reads + line.reads, found + line.found]
  }
  return { boundaries, acknowledged, reads, found, told }
}
