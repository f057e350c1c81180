/**
 * Every boundary of one short scenario: a copy of one directory for each, on which the same life is cut off one boundary
 * later than on the copy before; another one holds everything against what was acknowledged.
 *
 * Invariant: the scenario is over when lives end by themselves; how things overlap differs a little from one to the next.
 */
import { cpSync, rmSync } from 'node:fs'
import { doubled, type Chain, summary } from './chains.ts'
import { faultsOf, Lives } from './lives.ts'

export interface EveryOptions {
  readonly library: string
  readonly seed: number
  readonly steps: number
  /** The machine goes with the process: only what was flushed stays. */
  readonly isPowerLost: boolean
  /** Told of each. */
  readonly onChain: (chain: Chain) => void
}

/** So many that end by themselves, one after the other: that was the last boundary. */
const wholeLives = 5
const seedOfLast = 999

export async function runEvery(options: EveryOptions): Promise<void> {
  const { library, seed, isPowerLost, onChain } = options
  const from = new Lives(library)
  const first = await from.live({ seed: seed + 1, isPowerLost })
  if (first.code !== 0) throw new Error(`could not be made: ${first.stderr}`)
  let [next, whole, isWrong] = [1, 0, false]
  const work = async () => {
    while (whole < wholeLives && !isWrong) {
      const chain = await one(from, { ...options, dieAt: next++ })
      whole = chain.kills === 0 ? whole + 1 : 0
      isWrong ||= chain.faults.length > 0
      onChain(chain)
    }
  }
  await Promise.all([work(), work()])
  from.remove()
}

async function one(from: Lives, options: EveryOptions & { dieAt: number }): Promise<Chain> {
  const { library, seed, steps, isPowerLost, dieAt } = options
  const lives = new Lives(library)
  rmSync(lives.home, { recursive: true })
  cpSync(from.home, lives.home, { recursive: true })
  const ended = await lives.live({ seed, steps, dieAt, isPowerLost })
  const faults = faultsOf(lives, ended)
  if (isPowerLost) lives.losePower()
  faults.push(...faultsOf(lives, await lives.live({ seed: seed + seedOfLast, isLast: true, isPowerLost })))
  if (!isPowerLost) faults.push(...doubled(lives.lines))
  const kills = ended.signal === 'SIGKILL' ? 1 : 0
  const chain = { ...summary(lives.lines), kills, faults: [...new Set(faults)] }
  if (faults.length === 0) lives.remove()
  else chain.faults.push(`boundary ${dieAt}: all of it is in ${lives.home}`)
  return chain
}
