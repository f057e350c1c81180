/**
 * The first opening of a directory, ended at each of its steps, or overtaken there by another process: whoever comes next
 * takes what is there for the directory of a cache, and not for that of somebody else.
 */
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { usable } from '../../src/disk/directory.ts'
import { Environment } from '../../src/disk/environment.ts'
import { directory } from '../directories.ts'

const program = fileURLToPath(new URL('first-opening-child.mjs', import.meta.url))
const looks = ['existsSync', 'statSync', 'statfsSync', 'readFileSync', 'mkdirSync', 'openSync'] as const
const system = Object.fromEntries(looks.map((name) => [name, fs[name]]))

afterEach(() => {
  Object.assign(fs, system)
  syncBuiltinESMExports()
})

/** @param nth call at which it is killed; 0: it is not @returns the signal that ended it */
function openElsewhere(path: string, nth: number): NodeJS.Signals | null {
  const { status, signal, stderr } = spawnSync(process.execPath, [program, path, String(nth)])
  expect([status, stderr.toString()]).toEqual([signal === null ? 0 : null, ''])
  return signal
}

test('wherever it was killed, the next one opens the directory', async () => {
  const seen = new Set<string>()
  for (let nth = 1; ; nth++) {
    const path = join(directory(), 'cache')
    const signal = openElsewhere(path, nth)
    if (fs.existsSync(path)) seen.add(fs.readdirSync(path).sort().join())
    await new Environment({ path, nowMs: Date.now() }).close()
    if (signal === null) break
  }
  expect([...seen]).toEqual(expect.arrayContaining(['', 'gate', 'gate,writers', 'format.new,gate,writers']))
})

test('wherever another one overtakes it, it goes on', () => {
  for (let nth = 1; ; nth++) {
    const path = join(directory(), 'cache')
    let calls = 0
    for (const name of looks) {
      const call = system[name] as unknown as (...given: unknown[]) => unknown
      const passing = (...given: unknown[]) => {
        if (++calls === nth) openElsewhere(path, 0)
        return call(...given)
      }
      Object.assign(fs, { [name]: passing })
    }
    syncBuiltinESMExports()
    expect(usable(path)).toBe(path)
    if (calls < nth) break
  }
})
