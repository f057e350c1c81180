/**
 * Processes that exit without closing the cache: they end, with the code that they gave.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { directory } from '../directories.ts'

const program = fileURLToPath(new URL('exit-child.mjs', import.meta.url))

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
