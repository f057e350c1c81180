/**
 * Blocks: for how long work keeps the event loop from everything else.
 *
 * A chain of immediates runs beside the work, so that the loop never waits; the time between two of them is the
 * time in which no request could be answered. What the collector and other programs take is in it.
 */
import { performance } from 'node:perf_hooks'
import { turn } from './rounds.ts'

export interface Observed {
  /** ms, from the call until its promise resolved. */
  readonly totalMs: number
  /** ms, the longest time between two turns of the loop. */
  readonly longestMs: number
}

export async function observe(work: () => Promise<unknown>): Promise<Observed> {
  let longestMs = 0
  let last = 0
  let isOn = true
  const tick = () => {
    const now = performance.now()
    longestMs = Math.max(longestMs, now - last)
    last = now
    if (isOn) setImmediate(tick)
  }
  await turn()
  const start = performance.now()
  last = start
  setImmediate(tick)
  await work()
  const totalMs = performance.now() - start
  await turn()
  await turn()
  isOn = false
  return { totalMs, longestMs }
}
