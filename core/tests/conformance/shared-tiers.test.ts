import { join } from 'node:path'
import { expect, it } from 'vitest'
import { InProcess } from '../../src/cache/in-process.ts'
import { disk } from '../../src/disk.ts'
import { sharedTierCases } from '../../src/testing.ts'
import { directory } from '../directories.ts'
import { sharedMap } from '../shared-map.ts'
import { suite } from './cases.ts'

const home = directory()

suite(
  'the shared tier disk',
  sharedTierCases((parts, place) => disk({ path: join(home, place) }).open(parts)),
  // Text within a value is written as UTF-8.
  ['gives text with half a surrogate pair in it as it was put, or not at all'],
)
suite(
  'the shared tier map',
  sharedTierCases((parts, place) => sharedMap(place).open(parts)),
)

it('a backing that shares nothing has no such tier, and is told so', async () => {
  const [first] = sharedTierCases((parts) => new InProcess(parts))
  await expect(first?.run()).rejects.toThrow("the log 'memory' has no tier that processes share")
})
