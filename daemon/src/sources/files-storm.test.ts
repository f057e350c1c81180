import { existsSync, mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { pino } from 'pino'
import { systemClock } from 'staleproof'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { FilesSource } from './files.ts'

/** file -> ms at which it was last written; and name -> ms at which it was last reported. */
let written: Map<string, number>
let reported: Map<string, number>
let root: string
let source: FilesSource

beforeEach(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'staleproof-storm-')))
  written = new Map()
  reported = new Map()
  source = new FilesSource({
    folder: { path: root, ignore: [], stability: 100, polling: false },
    clock: systemClock(),
    log: pino({ level: 'silent' }),
  })
  await source.start(({ names }) => {
    for (const name of names) reported.set(name, performance.now())
  })
})
afterEach(async () => {
  await source.stop()
  rmSync(root, { recursive: true })
})

/** Numbers from 0 to `end`, the same on each run. */
function dice(seed: number): (end: number) => number {
  let state = seed
  return (end) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return (state >> 8) % end
  }
}

function step(roll: (end: number) => number) {
  const folder = join(root, ['a', 'b', 'a/x', 'b/y', 'c/z'][roll(5)] ?? 'a')
  const [one, other] = [join(folder, `f${roll(12)}`), join(folder, `f${roll(12)}`)]
  const act = roll(20)
  if (act < 10) {
    mkdirSync(folder, { recursive: true })
    writeFileSync(one, String(act))
    written.set(one, performance.now())
  } else if (act < 13) {
    rmSync(one, { force: true })
  } else if (act < 17 && existsSync(one)) {
    renameSync(one, other)
    written.set(other, performance.now())
  } else if (act === 18) {
    rmSync(folder, { recursive: true, force: true })
  } else if (act === 19 && existsSync(folder)) {
    rmSync(`${folder}.old`, { recursive: true, force: true })
    renameSync(folder, `${folder}.old`)
  }
}

it.each([1, 2, 3])(
  'no change of a file that is there is missed, whatever happened to its folders (%d)',
  async (seed) => {
    const roll = dice(seed)
    for (let n = 0; n < 600; n++) {
      step(roll)
      if (roll(3) === 0) await turn()
    }
    const missed = () =>
      [...written].filter(([path, at]) => existsSync(path) && (reported.get(`file:${path}`) ?? 0) < at)
    expect(written.size).toBeGreaterThan(20)
    await vi.waitFor(() => expect(missed()).toEqual([]), { timeout: 8000, interval: 20 })
  },
)
