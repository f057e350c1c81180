import { expect, it } from 'vitest'
import type { BackingParts } from '../../src/backing/contract.ts'
import { InProcess } from '../../src/cache/in-process.ts'
import type { MemoryHistory } from '../../src/invalidation/memory-history.ts'
import type { InvalidationResult } from '../../src/model/invalidation.ts'
import { disk } from '../../src/disk.ts'
import { createCache } from '../../src/index.ts'
import { directory } from '../directories.ts'
import { opened } from '../opened.ts'

/** A cache whose history takes nothing while it fails, but for what is written with the log. */
function withHistory() {
  const state = { fails: false, put: [] as string[], history: undefined as MemoryHistory | undefined }
  const open = (parts: BackingParts) => {
    const backing = new InProcess(parts)
    const { history } = backing
    state.history = history
    const put = history.put.bind(history)
    history.put = async (record, from) => {
      if (state.fails) throw new Error('history is down')
      const isPut = await put(record, from)
      if (isPut) state.put.push(record.status)
      return isPut
    }
    return backing
  }
  const world = opened({ disk: { kind: 'disk', open } })
  const invalidated: InvalidationResult[] = []
  world.cache.on('invalidated', (record) => invalidated.push(record))
  return { ...world, state, invalidated }
}

it('a record that the history does not take is in it when the history works again', async () => {
  const { cache, clock, state, invalidated, take } = withHistory()
  state.fails = true
  const result = await cache.invalidate('a')
  expect((await cache.invalidations.get(result.id))?.status).toBe('running')
  await clock.advance(2000)
  expect(take()).toEqual(Array(3).fill('error  recording an invalidation'))
  state.fails = false
  await clock.advance(1000)
  expect(await cache.invalidations.get(result.id)).toEqual(result)
  expect([result.status, invalidated, take()]).toEqual(['completed', [result], []])
})

it('a record that comes late replaces nothing that is newer', async () => {
  const { cache, clock, state } = withHistory()
  state.fails = true
  const late = await cache.invalidate('a')
  const newer: InvalidationResult = { ...late, status: 'cancelled', actor: 'another process' }
  state.history?.write(newer)
  state.fails = false
  await clock.advance(1000)
  expect(await cache.invalidations.get(late.id)).toEqual(newer)
  expect(state.put).toEqual([])
})

it('closing tries once more to write the record', async () => {
  const { cache, state } = withHistory()
  state.fails = true
  await cache.invalidate('a')
  state.fails = false
  await cache.close()
  expect(state.put).toEqual(['completed'])
})

it('whoever asks sees what ended, though its record is on its way with that of the next', async () => {
  const cache = createCache({ disk: disk({ path: directory() }) })
  const first = await cache.invalidate('a')
  const next = cache.invalidate('b')
  expect(await cache.invalidations.get(first.id)).toEqual(first)
  await next
  await cache.close()
})

it('a record that cannot go with that of the next is written all the same', async () => {
  const { cache, clock, state } = withHistory()
  const first = await cache.invalidate('a')
  const { history } = state
  const putWithin = history?.putWithin.bind(history)
  if (history !== undefined) {
    history.putWithin = () => {
      throw new Error('history is down')
    }
    await cache.invalidate('b')
    Object.assign(history, { putWithin })
  }
  await clock.advance(2000)
  expect(await cache.invalidations.get(first.id)).toEqual(first)
})
