import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { directory } from '../../tests/directories.ts'
import {
  audit,
  diskWorld,
  entryOf,
  policy,
  usedBytes,
  valueFiles,
  type DiskWorld,
  type DiskWorldOptions,
} from '../../tests/disk-world.ts'
import type { Hold } from '../tiers/contract.ts'

const opened: DiskWorld[] = []

afterEach(async () => {
  for (const world of opened.splice(0)) await world.close()
})

function open(options: Partial<DiskWorldOptions> = {}): DiskWorld {
  const world = diskWorld({ path: directory(), ...options })
  opened.push(world)
  return world
}

describe('an entry on disk', () => {
  it('comes back with all its parts', async () => {
    const { tier } = open()
    const entry = entryOf('k', { dependencies: ['a', 'b'], directCount: 1, capAt: 5, stamp: 3, keyStamp: 4 })
    await tier.put(entry)
    expect(await tier.get('k')).toMatchObject({ ...entry })
    expect((await tier.held(['k']))[0]).toMatchObject({ ...entry, value: undefined })
  })

  it('is seen by another process at once, and after that has ended', async () => {
    const { tier, path } = open()
    const value = { text: 'from here', bytes: Buffer.alloc(400_000, 7) }
    await tier.put(entryOf('k', { value, dependencies: ['d'], directCount: 1 }))
    const other = fork(fileURLToPath(new URL('../../tests/disk-peer.mjs', import.meta.url)), [path])
    const [read] = (await once(other, 'message')) as [unknown]
    await once(other, 'exit')
    expect(read).toEqual({ text: 'from here', length: 400_000, last: 7, dependents: ['k'] })
    expect((await tier.get('theirs'))?.value).toBe('of the other')
  })

  it('is not stored if the generation ends while it waits to be: its stamp would be of the next', async () => {
    const { tier, log } = open()
    const putting = tier.put(entryOf('k', { stamp: 900 }))
    // As of the log of many nodes that a directory stands beneath.
    Object.assign(log, { generation: 'next' })
    await putting
    expect(await tier.get('k')).toBeUndefined()
  })

  it('of another generation is not given, nor does it stand in the way', async () => {
    const first = open({ generation: 'old' })
    await first.tier.put(entryOf('k', { generation: 'old', stamp: 9, dependencies: ['d'], directCount: 1 }))
    const { tier, path } = open({ path: first.path })
    expect([await tier.get('k'), await tier.held(['k'])]).toEqual([undefined, []])
    expect(
      await tier.settle(entryOf('j'), (hold) => entryOf('j', { dependencies: seen(hold, 'k', 'd') })),
    ).toEqual(entryOf('j', { dependencies: [] }))
    await tier.put(entryOf('k', { stamp: 1 }))
    await tier.put(entryOf('k', { generation: 'old', stamp: 10, value: 'foreign' }))
    expect((await tier.get('k'))?.value).toBe('value of k')
    expect(audit(open({ path })).problems).toEqual([])
  })
})

/** Names of what a hold shows of a name: its entry, and who depends on another. */
function seen(hold: Hold, name: string, other: string): string[] {
  return [hold.headOf(name), ...hold.dependentsOf(other)].flatMap((head) => head?.key ?? [])
}

describe('settling an entry', () => {
  it('keeps what is admitted, and tells what was', async () => {
    const { tier } = open()
    const kept = await tier.settle(entryOf('k'), () => entryOf('k', { dependencies: ['d'], keyStamp: 8 }))
    expect(kept).toMatchObject({ dependencies: ['d'], keyStamp: 8 })
    expect(await tier.get('k')).toMatchObject({ dependencies: ['d'], keyStamp: 8, value: 'value of k' })
    expect(await tier.dependents(['d'])).toEqual(['k'])
    expect(await tier.settle(entryOf('n'), () => undefined)).toBeUndefined()
    expect(await tier.get('n')).toBeUndefined()
  })

  it('refuses what is older than what is held, in either stamp', async () => {
    const { tier } = open()
    const settle = (stamp: number, keyStamp: number) =>
      tier.settle(entryOf('k'), () => entryOf('k', { stamp, keyStamp }))
    expect(await settle(5, 5)).toBeDefined()
    expect([await settle(4, 6), await settle(6, 4)]).toEqual([undefined, undefined])
    expect(await settle(5, 5)).toBeDefined()
  })

  it('shows what is held while nobody else writes', async () => {
    const { tier, log } = open()
    await tier.put(entryOf('list', { dependencies: ['a', 'b'], directCount: 2, stamp: 3 }))
    await tier.put(entryOf('page', { dependencies: ['list', 'a'], directCount: 1 }))
    await log.append({ kind: 'invalidate', names: ['x'] })
    await tier.settle(entryOf('other'), (hold) => {
      expect(hold.headOf('list')).toMatchObject({ dependencies: ['a', 'b'], stamp: 3 })
      expect(hold.headOf('none')).toBeUndefined()
      expect([...hold.dependentsOf('list')].map(({ key }) => key)).toEqual(['page'])
      expect([...hold.dependentsOf('a')].map(({ key }) => key)).toEqual(['list', 'page'])
      expect(hold.isCurrent).toBe(true)
      return undefined
    })
  })

  it('can declare that the key changed, before anybody sees the entry', async () => {
    const { tier, records } = open()
    const before: unknown[] = []
    const kept = await tier.settle(entryOf('k'), (hold) => {
      const keyStamp = hold.announce('k', (n) => before.push(n, records.length))
      expect(hold.isCurrent).toBe(false)
      return entryOf('k', { keyStamp })
    })
    expect([kept?.keyStamp, before]).toEqual([1, [1, 0]])
    expect(records).toMatchObject([{ kind: 'change', names: ['k'], n: 1 }])
  })

  it('leaves nothing behind if it fails', async () => {
    const { tier, records, path } = open()
    const failing = tier.settle(entryOf('k', { value: Buffer.alloc(300_000) }), (hold) => {
      hold.announce('k', () => undefined)
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    expect([await tier.get('k'), records]).toEqual([undefined, []])
    expect(valueFiles(path)).toEqual([])
  })
})

describe('what was removed', () => {
  it('is known by the position up to which the log was applied', async () => {
    const { tier, log } = open()
    const endedAt = async (...names: string[]) => {
      let at: number[] = []
      await tier.settle(entryOf('z'), (hold) => void (at = names.map((name) => hold.endedAt(name))))
      return at
    }
    await tier.put(entryOf('a'))
    await log.append({ kind: 'invalidate', names: ['a'] })
    expect(await tier.delete(['a', 'a', 'b'])).toBe(1)
    expect(await endedAt('a', 'b')).toEqual([1, 0])
    await tier.put(entryOf('a', { stamp: 1 }))
    expect(await endedAt('a')).toEqual([1])
    await log.append({ kind: 'invalidate', names: ['a'] })
    expect(await tier.delete(['a'])).toBe(1)
    expect(await endedAt('a')).toEqual([2])
  })

  it('is known of what was replaced when it was invalid, too', async () => {
    const { tier, log, invalid } = open()
    for (const key of ['a', 'b']) await tier.put(entryOf(key))
    await log.append({ kind: 'invalidate', names: ['a'] })
    invalid.add('a')
    for (const key of ['a', 'b']) await tier.put(entryOf(key, { stamp: 1 }))
    const endedAt: number[] = []
    await tier.settle(entryOf('z'), (hold) => {
      endedAt.push(hold.endedAt('a'), hold.endedAt('b'))
      return undefined
    })
    expect(endedAt).toEqual([1, 0])
  })
})

describe('a delete', () => {
  it('leaves what is valid by then, and what was made before the log began goes', async () => {
    const { tier, path } = open({ generation: 'old' })
    await tier.put(entryOf('foreign', { generation: 'old' }))
    const world = open({ path })
    for (const key of ['a', 'b']) await world.tier.put(entryOf(key, { stamp: key === 'a' ? 1 : 2 }))
    expect(await world.tier.delete(['a', 'b', 'foreign'], ({ stamp }) => stamp > 1)).toBe(2)
    expect((await world.tier.held(['a', 'b'])).map(({ key }) => key)).toEqual(['b'])
    expect(world.tier.usage.entries).toBe(1)
  })

  it('is refused when the directory was closed, as everything is', async () => {
    const { tier, close } = diskWorld({ path: directory() })
    await close()
    expect(() => tier.get('k')).toThrow(expect.objectContaining({ code: 'E_CACHE_CLOSED' }))
    await expect(tier.delete(['k'])).rejects.toMatchObject({ code: 'E_CACHE_CLOSED' })
    await expect(tier.held(['k'])).rejects.toMatchObject({ code: 'E_CACHE_CLOSED' })
    expect(tier.usage.entries).toBe(0)
  })
})

describe('a value', () => {
  it('that cannot be encoded is not kept, and told of once for its policy', async () => {
    const { tier, errors } = open()
    const value = { send() {} }
    for (const key of ['a', 'b']) await tier.put(entryOf(key, { value, dependencies: ['d'], directCount: 1 }))
    await tier.put(entryOf('c', { value, policy: { ...policy, name: 'media' } }))
    expect(await tier.get('a')).toBeUndefined()
    expect((await tier.held(['a', 'b'])).map(({ key }) => key)).toEqual(['a', 'b'])
    expect(await tier.dependents(['d'])).toEqual(['a', 'b'])
    expect(errors).toEqual(["encoding 'a': E_VALUE_UNENCODABLE", "encoding 'c': E_VALUE_UNENCODABLE"])
  })

  it('that is larger than an entry may be is not kept, the entry is', async () => {
    const { tier, errors } = open({ entryBytesMax: 10 })
    await tier.put(entryOf('small', { value: 'x'.repeat(10) }))
    const kept = await tier.settle(entryOf('large', { value: 'x'.repeat(11) }), () => entryOf('large'))
    expect(kept).toMatchObject({ key: 'large', withoutValue: true })
    expect([(await tier.get('small'))?.value, await tier.get('large')]).toEqual(['x'.repeat(10), undefined])
    expect([(await tier.held(['large'])).length, errors]).toEqual([1, []])
  })

  it('may be an error, which is thrown again as it was', async () => {
    const { tier } = open()
    const error = Object.assign(new RangeError('too far'), { code: 'E_FAR' })
    await tier.put(entryOf('k', { kind: 'error', value: error }))
    const { kind, value } = (await tier.get('k')) ?? {}
    expect([kind, value]).toEqual(['error', error])
    expect(value).toBeInstanceOf(RangeError)
  })
})

describe('a tier with much in it', () => {
  it('lets others have their turn while it looks through it', async () => {
    const { tier, clock } = open()
    const keys = Array.from({ length: 2500 }, (_, i) => `k${String(i).padStart(4, '0')}`)
    await Promise.all(keys.map((key) => tier.put(entryOf(key, { dependencies: ['d'], directCount: 1 }))))
    const before = clock.turns
    expect(await tier.dependents(['d'])).toEqual(keys)
    expect(clock.turns - before).toBe(2)
    expect(await tier.withPrefix('k')).toEqual(keys)
    expect(await tier.withPrefix('k1')).toHaveLength(1000)
    expect(await tier.held(keys)).toHaveLength(2500)
    expect(await tier.delete(keys)).toBe(2500)
    expect(tier.usage).toMatchObject({ entries: 0, bytes: 0 })
  })

  it('keeps its estimate of bytes near to what the file takes', async () => {
    const world = open()
    const { tier } = world
    for (let round = 0; round < 10; round++) {
      await Promise.all(
        Array.from({ length: 500 }, (_, i) => {
          const id = `${(i * 7919) % 500}:${round}`
          const value = 'x'.repeat((i % 5) * 700)
          return tier.put(
            entryOf(`photo:${id}`, { value, dependencies: [`file:${id}`, 'album:1'], directCount: 2 }),
          )
        }),
      )
    }
    const ratio = tier.usage.bytes / usedBytes(world)
    expect(ratio).toBeGreaterThan(0.7)
    expect(ratio).toBeLessThan(1.4)
  })
})
