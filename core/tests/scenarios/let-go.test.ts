import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it, onTestFinished } from 'vitest'
import { disk } from '../../src/disk.ts'
import { DiskTier } from '../../src/disk/tier.ts'
import { createCache } from '../../src/index.ts'
import { directory } from '../directories.ts'

const collect = () => {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
}

it('what has left memory is let go of, though the disk never took it', async () => {
  const cache = createCache({ disk: disk({ path: directory() }) })
  onTestFinished(() => cache.close())
  cache.on('error', () => undefined)
  const { settle } = DiskTier.prototype
  onTestFinished(() => {
    DiskTier.prototype.settle = settle
  })
  DiskTier.prototype.settle = async () => {
    throw new Error('full')
  }
  const value = new WeakRef({ text: 'x' })
  await cache.getOrSet('key', () => value.deref(), { dependsOn: 'row' })
  expect(cache.peek('key')).toEqual({ text: 'x' })
  await cache.invalidate('row')
  // A weak reference that was looked at holds until the turn ends.
  await new Promise((resolve) => setImmediate(resolve))
  collect()
  expect([cache.peek('key'), value.deref()]).toEqual([undefined, undefined])
})
