import { statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { directory } from '../../tests/directories.ts'
import { openSharedMemory } from './shared-memory.ts'

const bytes = 8192

it('is one memory for all who open it, and as long as it has to be', () => {
  const path = join(directory(), 'memory')
  const one = openSharedMemory(path, bytes)
  one.close()
  // As a disk that was full had left it.
  truncateSync(path, 100)
  const [mine, theirs] = [openSharedMemory(path, bytes), openSharedMemory(path, bytes)]
  expect(statSync(path).size).toBe(bytes)
  const last = bytes / 4 - 1
  Atomics.store(new Int32Array(mine.buffer), last, 7)
  expect(Atomics.load(new Int32Array(theirs.buffer), last)).toBe(7)
  mine.close()
  theirs.close()
})

it('that cannot be had is refused, and not touched', () => {
  expect(() => openSharedMemory('/dev/null', bytes)).toThrow(
    expect.objectContaining({ code: 'E_DISK_FAILED' }),
  )
})
