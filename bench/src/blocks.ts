/**
 * Blocks: for how long work keeps the event loop from everything else.
 *
 * A chain of immediates runs beside the work, so that the loop never waits; the time between two of them is the
 * time in which no request could be answered, the collector's pauses included. Of the time on the wall and that of
 * the processor the shorter one counts: the first has other programs' turns in it, the second the work of threads
 * that block nothing.
 */
import { performance } from 'node:perf_hooks'
import { turn } from './rounds.ts'

export interface Observed {
  /** ms, from the call until its promise resolved. */
  readonly totalMs: number
  /** ms, the longest time between two turns of the loop. */
  readonly longestMs: number
}

/** @param afterMs how long to look on when the work is done: it may have left some to be done behind */
export async function observe(work: () => Promise<unknown>, afterMs = 0): Promise<Observed> {
  let longestMs = 0
  let last = 0
  let lastUsed = 0
  let isOn = true
  const tick = () => {
    const now = performance.now()
    const used = usedMs()
    longestMs = Math.max(longestMs, Math.min(now - last, used - lastUsed))
    last = now
    lastUsed = used
    if (isOn) setImmediate(tick)
  }
  await turn()
  lastUsed = usedMs()
  const start = performance.now()
  last = start
  setImmediate(tick)
  await work()
  const totalMs = performance.now() - start
  await new Promise((resolve) => setTimeout(resolve, afterMs))
  await turn()
  await turn()
  isOn = false
  return { totalMs, longestMs }
}

/** Processor time of this process, ms. */
function usedMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
