/**
 * Processes that exit without closing the cache: they end, with the code that they gave, and what was acknowledged holds.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { disk } from '../../src/disk.ts'
import { createCache } from '../../src/index.ts'
import { directory } from '../directories.ts'

const program = fileURLToPath(new URL('exit-child.mjs', import.meta.url))
const setting = fileURLToPath(new URL('set-child.mjs', import.meta.url))

it('a process that exits in the middle of a transaction ends with its code', async () => {
  const path = directory()
  const runs = Array.from({ length: 8 }, async (_, i) => {
    const child = spawn(process.execPath, [program, path, `${i + 3}`, `${300 + 17 * i}`], {
      stdio: 'inherit',
    })
    return (await once(child, 'exit')) as [number | null, string | null]
  })
  expect(await Promise.all(runs)).toEqual(runs.map((_, i) => [i + 3, null]))
}, 30_000)

it('a process that ends in the middle of a transaction by an error that nobody caught tells it', async () => {
  const child = spawn(process.execPath, [program, directory(), 'throws', '300'], { stdio: 'pipe' })
  let said = ''
  child.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()))
  expect(await once(child, 'close')).toEqual([1, null])
  expect(said).toContain('nobody caught this')
})

it('of a set the change is durable, and the value may be lost: what was before is never served', async () => {
  const path = directory()
  const open = () => createCache({ disk: disk({ path }) })
  const first = open()
  await first.set('title', 'Sea')
  await first.getOrSet('page', async () => `page of ${await first.get<string>('title')}`)
  await first.close()
  const child = spawn(process.execPath, [setting, path, 'title', 'Sky'], { stdio: 'inherit' })
  expect(await once(child, 'exit')).toEqual([null, 'SIGKILL'])
  const again = open()
  expect([undefined, 'Sky']).toContain(await again.get('title'))
  expect(await again.get('page')).toBeUndefined()
  await again.close()
})
