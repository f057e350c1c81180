import { afterEach, describe, expect, it } from 'vitest'
import { directory } from '../../tests/directories.ts'
import { audit, diskWorld, entryOf, policy, sweep, type DiskWorld } from '../../tests/disk-world.ts'
import { failure } from './failure.ts'
import { keyOf } from '../bytes/names.ts'
import { Rows } from './rows.ts'

const opened: DiskWorld[] = []

afterEach(async () => {
  for (const world of opened.splice(0)) await world.close()
})

function open(path = directory()): DiskWorld {
  const world = diskWorld({ path })
  opened.push(world)
  return world
}

async function fill({ tier }: DiskWorld, count: number): Promise<string[]> {
  const keys = Array.from({ length: count }, (_, i) => `k${String(i).padStart(4, '0')}`)
  await Promise.all(keys.map((key) => tier.put(entryOf(key))))
  return keys
}

const held = async ({ tier }: DiskWorld, keys: readonly string[]) =>
  (await tier.held(keys)).map(({ key }) => key)

describe('the sweeper', () => {
  it('removes what is invalid, past its last moment or unreadable, and nothing else', async () => {
    const world = open()
    const { tier, clock } = world
    const storedAt = clock.now() - 60_000
    const graceful = { ...policy, graceMs: 120_000 }
    await tier.put(entryOf('fresh', { storedAt: clock.now() }))
    await tier.put(entryOf('gone', { storedAt }))
    await tier.put(entryOf('in-grace', { storedAt, policy: graceful }))
    await tier.put(entryOf('invalid', { storedAt: clock.now() }))
    await tier.put(entryOf('damaged', { storedAt: clock.now() }))
    await flip(world, 'damaged')
    await world.log.append({ kind: 'invalidate', names: ['x'] })
    world.invalid.add('invalid')
    await sweep(world)
    expect(await held(world, ['damaged', 'fresh', 'gone', 'in-grace', 'invalid'])).toEqual([
      'fresh',
      'in-grace',
    ])
    expect(tier.usage).toMatchObject({ entries: 2, damaged: 1 })
    expect(tier.sweep).toMatchObject({ rounds: 1 })
    expect(audit(world).problems).toEqual([])
    await tier.settle(entryOf('z'), (hold) => {
      expect([hold.endedAt('invalid'), hold.endedAt('gone')]).toEqual([1, 0])
      return undefined
    })
  })

  it('looks at no more than its rate allows, and says how far it is', async () => {
    const world = open()
    const keys = await fill(world, 1000)
    for (const key of keys) world.invalid.add(key)
    await sweep(world, 2)
    expect(world.tier.sweep).toMatchObject({ looked: 200, removed: 200, rounds: 0 })
    expect(world.tier.usage.entries).toBe(800)
    expect(world.tier.sweep.position).toBeCloseTo(0.2, 1)
  })

  it('goes on where it was when the process ended', async () => {
    const first = open()
    const keys = await fill(first, 500)
    await sweep(first, 2)
    await first.close()
    opened.pop()
    const world = open(first.path)
    for (const key of keys) world.invalid.add(key)
    await sweep(world)
    expect(await held(world, keys)).toEqual([...keys.slice(0, 200), ...keys.slice(300)])
  })

  it('leaves what is another by the time that it would be removed', async () => {
    const world = open()
    await world.tier.put(entryOf('k', { storedAt: world.clock.now() }))
    let looks = 0
    world.invalid.has = () => ++looks === 1
    await sweep(world)
    expect([await held(world, ['k']), looks]).toEqual([['k'], 2])
  })

  it('rests for a minute between two rounds, and is quiet when it is closed', async () => {
    const world = open()
    await sweep(world)
    expect(world.tier.sweep.rounds).toBe(1)
    await world.clock.advance(59_900)
    expect(world.tier.sweep.rounds).toBe(1)
    await sweep(world, 2)
    expect(world.tier.sweep.rounds).toBe(2)
    await world.tier.close()
    expect([world.clock.waiting, world.errors]).toEqual([0, []])
  })

  it('tells of it when its place cannot be written as it is closed', async () => {
    const world = open()
    world.environment.transact = () => Promise.reject(failure(new Error('ENOSPC'), world.path))
    await world.tier.close()
    expect(world.errors).toEqual(['noting how far the sweep of the disk is: E_DISK_FULL'])
  })
})

async function flip({ environment }: DiskWorld, name: string): Promise<void> {
  const rows = new Rows(
    environment,
    () => 'g',
    () => policy,
  )
  const key = keyOf(name)
  await environment.transact(() => {
    const bytes = rows.entries.get(key) as Buffer
    bytes[3] = (bytes[3] as number) ^ 1
    void rows.entries.put(key, bytes)
  })
}
