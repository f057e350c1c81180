/**
 * Groups: several processes at once on one directory, and one that opens and closes it again and again. One after the other
 * is killed and another takes its place, while the others go on; at last one alone holds everything against what was
 * acknowledged.
 */
import { doubled } from './chains.ts'
import { faultsOf, type Life, Lives } from './lives.ts'
import { Dice } from './roles.ts'

export interface GroupOptions {
  readonly library: string
  readonly seed: number
  /** Processes that work at once, besides the one that passes. */
  readonly size: number
  /** How many are killed. */
  readonly kills: number
}

export interface Group {
  readonly faults: readonly string[]
  readonly kills: number
  readonly lives: Lives
}

export async function runGroup({ library, seed, size, kills }: GroupOptions): Promise<Group> {
  const lives = new Lives(library)
  const dice = new Dice(seed)
  let born = 0
  const slots = size + 1
  const begin = (slot: number) =>
    lives.begin({ seed: seed + ++born, slot, slots, steps: 100_000, isPassing: slot === size })
  const all = Array.from({ length: slots }, (_, slot) => begin(slot))
  const faults: string[] = []
  for (let i = 0; i < kills && faults.length === 0; i++) {
    await Promise.all(all.map(({ isReady }) => isReady))
    await new Promise((resolve) => setTimeout(resolve, 50 + dice.below(150)))
    const slot = dice.below(slots)
    faults.push(...faultsOf(lives, await kill(all[slot] as Life)))
    all[slot] = begin(slot)
  }
  for (const life of all) faults.push(...faultsOf(lives, await kill(life)))
  if (faults.length === 0) {
    faults.push(...faultsOf(lives, await lives.live({ seed, slots, isLast: true })))
    faults.push(...doubled(lives.lines))
  }
  return { faults: [...new Set(faults)], kills: kills + slots, lives }
}

function kill(life: Life) {
  life.process.kill('SIGKILL')
  return life.ended
}
