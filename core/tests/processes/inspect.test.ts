/**
 * A look beside those that write: what they have acknowledged stays, whatever becomes of who looks.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, test, vi } from 'vitest'
import { directory } from '../directories.ts'
import { disk, inspect } from '../../src/disk.ts'
import { createCache, type Cache } from '../../src/index.ts'
import { checkBeside } from '../../src/disk/check.ts'
import { Environment } from '../../src/disk/environment.ts'
import { alone } from '../../src/disk/gate.ts'

const built = (name: string) => fileURLToPath(new URL(`../../dist/${name}.js`, import.meta.url))
const looks = 30

/** A program of what was built, in a process of its own. */
const run = (program: string) =>
  spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })

const positionOf = async (cache: Cache, name: string) => (await cache.invalidate(name)).position?.n ?? 0

test('in a process that invalidates meanwhile: each has a position of its own, and all are seen by others', async () => {
  const path = directory()
  const cache = createCache({ disk: disk({ path }) })
  const positions: number[] = [await positionOf(cache, 'first')]
  const over = new AbortController()
  const writers = [0, 1].map(async (by) => {
    for (let i = 0; !over.signal.aborted; i++) positions.push(await positionOf(cache, `n:${by}:${i % 50}`))
  })
  for (let i = 0; i < looks; i++) expect((await inspect(path)).problems).toEqual([])
  over.abort()
  await Promise.all(writers)
  const other = run(`
    import { createCache } from '${built('index')}'
    import { disk } from '${built('disk')}'
    const cache = createCache({ disk: disk({ path: '${path}' }) })
    console.log((await cache.invalidate('last')).position.n)
    await cache.close()
  `)
  const [[said]] = await Promise.all([once(other.stdout, 'data'), once(other, 'close')])
  await cache.close()
  const sorted = [...positions, Number(said)].toSorted((a, b) => a - b)
  expect(sorted).toEqual(sorted.map((_, i) => (sorted[0] as number) + i))
}, 120_000)

async function filled(): Promise<string> {
  const path = directory()
  const environment = new Environment({ path, nowMs: Date.now() })
  const rows = environment.table<number>('rows', 'numbers')
  await environment.transact(() => void rows.put(1, Buffer.alloc(8)))
  await environment.close()
  return path
}

/** Linux tells the children of a process; who opens a directory makes its lock.mdb. */
test.skipIf(process.platform !== 'linux')(
  'whose doctor is killed at the gate is gone without having opened',
  async () => {
    const path = await filled()
    rmSync(join(path, 'lock.mdb'))
    await alone(path, async () => {
      const doctor = run(
        `import { checkBeside } from '${built('disk/check')}'; await checkBeside('${path}', true)`,
      )
      const children = `/proc/${doctor.pid}/task/${doctor.pid}/children`
      const child = await vi.waitUntil(() => readFileSync(children, 'utf8').trim(), { timeout: 20_000 })
      // It comes to the gate, or dies before.
      await sleep(1000)
      doctor.kill('SIGKILL')
      await vi.waitUntil(() => !existsSync(`/proc/${child}`), { timeout: 20_000 })
      expect(existsSync(join(path, 'lock.mdb'))).toBe(false)
    })
  },
)

test('of a file that LMDB does not open ends with that, and keeps nobody out', async () => {
  const path = await filled()
  rmSync(join(path, 'data.mdb'))
  expect(await checkBeside(path, true)).toMatch(/cannot be read: .*No such file/)
  await alone(path, () => undefined)
}, 10_000)
