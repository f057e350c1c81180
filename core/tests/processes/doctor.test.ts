/**
 * A look at a directory that another process writes to: a real one, running what was built.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { createCache } from '../../src/index.ts'
import { disk, inspect } from '../../src/disk.ts'
import { directory } from '../directories.ts'

const program = fileURLToPath(new URL('doctor-child.mjs', import.meta.url))
const entries = 60_000
let path = ''

/** Enough that to read it takes long beside a write. */
beforeAll(async () => {
  path = directory()
  const cache = createCache({ memory: false, disk: disk({ path }) })
  for (let at = 0; at < entries; at += 2000) {
    await Promise.all(
      Array.from({ length: 2000 }, (_, i) =>
        cache.getOrSet(`thumb:${at + i}`, () => i, { dependsOn: `file:${at + i}` }),
      ),
    )
  }
  await cache.close()
}, 60_000)

// A busy machine may stop the other process for a while; a doctor that keeps it out does so each time.
test('keeps nobody from writing, and tells of one moment', { retry: 2, timeout: 60_000 }, async () => {
  const child = fork(program, [path])
  await once(child, 'message')
  const began = performance.now()
  const { problems, tier, nodes } = await inspect(path)
  const tookMs = performance.now() - began
  child.send('stop')
  const [{ changes, longestMs }] = (await once(child, 'message')) as [{ changes: number; longestMs: number }]
  expect(problems).toEqual([])
  expect(tier?.entries).toBeGreaterThanOrEqual(entries)
  expect(nodes).toHaveLength(1)
  // Some sixty where nothing else runs.
  expect(changes).toBeGreaterThan(5)
  expect(longestMs).toBeLessThan(tookMs / 3)
})
