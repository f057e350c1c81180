/**
 * Processes that open and close a directory while others write to it: real ones, running what was built.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { Environment } from '../../src/disk/environment.ts'
import { directory } from '../directories.ts'

const program = fileURLToPath(new URL('opening-child.mjs', import.meta.url))

async function run(path: string, does: string, times: number): Promise<[number | null, string]> {
  const child = spawn(process.execPath, [program, path, does, String(times)], { stdio: 'pipe' })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes: Buffer) => (said += bytes.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  return [code, said]
}

test('who opens, closes or exits takes nothing from those that write', async () => {
  const path = directory()
  const writers = Array.from({ length: 2 }, () => run(path, 'writes', 3000))
  const others = ['opens', 'opens'].map((does) => run(path, does, 150))
  const exits = Array.from({ length: 6 }, () => run(path, 'exits', 0))
  const ends = await Promise.all([...writers, ...others, ...exits])
  expect(ends).toEqual(ends.map(() => [0, '']))
  const environment = new Environment({ path, nowMs: Date.now() })
  const count = environment.table('rows', 'bytes').get(Buffer.from('count'))?.readUInt32LE()
  expect(count).toBe(6000)
  await environment.close()
})

test('who opens finds everything in order though the last one closes, or exits, at that moment', async () => {
  const path = directory()
  const others = Array.from({ length: 3 }, () => run(path, 'opens', 400))
  const exits = Array.from({ length: 6 }, () => run(path, 'exits', 0))
  const ends = await Promise.all([...others, ...exits])
  expect(ends).toEqual(ends.map(() => [0, '']))
})
