/**
 * Large values: in files of their own.
 */
import { existsSync, readFileSync, truncateSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { directory } from '../../tests/directories.ts'
import { audit, diskWorld, entryOf, sweep, valueFiles, type DiskWorld } from '../../tests/disk-world.ts'

const opened: DiskWorld[] = []

afterEach(async () => {
  for (const world of opened.splice(0)) await world.close()
})

function open(path = directory()): DiskWorld {
  const world = diskWorld({ path })
  opened.push(world)
  return world
}

const large = (fill: number, length = 300_000) => Buffer.alloc(length, fill)

/** The path of the only file. */
function onlyFile(world: DiskWorld): string {
  const [name, ...others] = valueFiles(world.path)
  expect(others).toEqual([])
  const number = Number(name?.split('-')[1])
  return join(world.path, 'values', number.toString(16).padStart(2, '0'), name as string)
}

describe('a large value', () => {
  it.each<[string, unknown]>([
    ['bytes', Buffer.from(Array.from({ length: 5_000_000 }, (_, i) => i % 251))],
    ['text', 'abc'.repeat(1_700_000)],
    ['text in UTF-8, whose pairs stand across the chunks', `a${'😀'.repeat(1_300_000)}`],
    ['text with half a pair', `${'é'.repeat(600_000)}\ud83d`],
    ['an object', { list: Array.from({ length: 100_000 }, (_, i) => ({ id: i })), bytes: Buffer.from('x') }],
  ])('comes back whole: %s', async (_what, value) => {
    const world = open()
    await world.tier.put(entryOf('k', { value }))
    expect(valueFiles(world.path)).toHaveLength(1)
    const read = (await world.tier.get('k'))?.value
    const isSame = Buffer.isBuffer(value) ? value.equals(read as Buffer) : undefined
    if (isSame === undefined) expect(read).toEqual(value)
    else expect(isSame).toBe(true)
    expect((await world.tier.held(['k']))[0]?.value).toBeUndefined()
    expect(world.tier.usage.bytes).toBeGreaterThan(readFileSync(onlyFile(world)).length)
  })

  it('has a row without it, and no file when it is replaced or deleted', async () => {
    const world = open()
    await world.tier.put(entryOf('k', { value: large(1) }))
    const first = onlyFile(world)
    await world.tier.put(entryOf('k', { value: large(2) }))
    const second = onlyFile(world)
    expect([second === first, (await world.tier.get('k'))?.value]).toEqual([false, large(2)])
    await world.tier.put(entryOf('k', { value: 'small' }))
    expect(valueFiles(world.path)).toEqual([])
    await world.tier.put(entryOf('k', { value: large(3) }))
    await world.tier.delete(['k'])
    expect([valueFiles(world.path), audit(world).problems]).toEqual([[], []])
  })

  it('leaves no file if the entry is refused', async () => {
    const world = open()
    await world.tier.put(entryOf('k', { stamp: 5 }))
    await world.tier.put(entryOf('k', { stamp: 4, value: large(1) }))
    expect(valueFiles(world.path)).toEqual([])
  })

  it('gets a name that no other process gives, though both have it open', async () => {
    const one = open()
    const two = open(one.path)
    await Promise.all([
      one.tier.put(entryOf('a', { value: large(1) })),
      two.tier.put(entryOf('b', { value: large(2) })),
    ])
    expect(valueFiles(one.path)).toHaveLength(2)
    expect((await one.tier.get('b'))?.value).toEqual(large(2))
    expect((await two.tier.get('a'))?.value).toEqual(large(1))
  })

  it('that cannot be written is not kept, the entry is', async () => {
    const world = open()
    writeFileSync(join(world.path, 'values'), 'in the way')
    await world.tier.put(entryOf('k', { value: large(1) }))
    expect([await world.tier.get('k'), (await world.tier.held(['k'])).length]).toEqual([undefined, 1])
    expect(world.errors).toHaveLength(1)
    expect(world.errors[0]).toMatch(/^writing the value of 'k' to disk/)
  })
})

describe('a file that is not what was written', () => {
  const spoil: [string, (path: string) => void][] = [
    ['cut', (path) => truncateSync(path, 1000)],
    ['grown', (path) => writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.of(0)]))],
    ['changed', (path) => writeFileSync(path, Buffer.concat([Buffer.of(0), readFileSync(path).subarray(1)]))],
    ['missing', (path) => unlinkSync(path)],
  ]

  it.each(spoil)('is a miss, and told of: %s', async (how, change) => {
    const world = open()
    await world.tier.put(entryOf('k', { value: large(1), dependencies: ['d'], directCount: 1 }))
    const path = onlyFile(world)
    change(path)
    expect(await world.tier.get('k')).toBeUndefined()
    expect([await world.tier.held(['k']), await world.tier.dependents(['d'])]).toEqual([[], []])
    expect(world.errors).toEqual(["reading 'k' from disk: it is set aside: E_DISK_DAMAGED"])
    expect(world.tier.usage).toMatchObject({ entries: 0, bytes: 0, damaged: 1 })
    expect(valueFiles(world.path)).toEqual([])
    const aside = join(world.path, 'damaged', 'values', path.split('/').at(-1) as string)
    expect(existsSync(aside)).toBe(how !== 'missing')
    expect(audit(world).problems).toEqual([])
  })

  it('does not take away what came in its place meanwhile: that is read', async () => {
    const world = open()
    await world.tier.put(entryOf('k', { value: large(1) }))
    unlinkSync(onlyFile(world))
    const reading = world.tier.get('k')
    await world.tier.put(entryOf('k', { value: 'new' }))
    expect((await reading)?.value).toBe('new')
    expect([world.tier.usage.damaged, world.errors]).toEqual([0, []])
  })

  it('is told of once, however many read it', async () => {
    const world = open()
    await world.tier.put(entryOf('k', { value: large(1) }))
    unlinkSync(onlyFile(world))
    expect(await Promise.all([world.tier.get('k'), world.tier.get('k')])).toEqual([undefined, undefined])
    expect([world.tier.usage.damaged, world.errors.length]).toEqual([1, 1])
  })
})

describe('a file that no row refers to', () => {
  it('goes when it is older than an hour', async () => {
    const world = open()
    await world.tier.put(entryOf('k', { value: large(1) }))
    const kept = onlyFile(world)
    const at = (minutesAgo: number) => world.clock.now() / 1000 - minutesAgo * 60
    for (const [name, minutesAgo] of [
      ['9-1', 61],
      ['9-257.tmp', 61],
      ['9-513', 30],
    ] as const) {
      const path = join(kept, '..', name)
      writeFileSync(path, 'x')
      utimesSync(path, at(minutesAgo), at(minutesAgo))
    }
    utimesSync(kept, at(100), at(100))
    await sweep(world)
    expect(new Set(valueFiles(world.path))).toEqual(new Set([kept.split('/').at(-1), '9-513']))
  })

  it('goes though another folder cannot be looked at: that is told, and the sweeper goes on', async () => {
    const world = open()
    await world.tier.put(entryOf('k', { value: large(1) }))
    const orphan = join(onlyFile(world), '..', '9-1')
    writeFileSync(orphan, 'x')
    utimesSync(orphan, 0, 0)
    writeFileSync(join(world.path, 'values', '00'), 'in the way')
    await sweep(world)
    expect(existsSync(orphan)).toBe(false)
    expect(world.errors).toEqual(['sweeping the disk: E_DISK_FAILED'])
    expect(world.tier.sweep).toMatchObject({ rounds: 1, looked: 0 })
  })
})
