import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { directory } from '../../tests/directories.ts'
import { audit, diskWorld, entryOf, type DiskWorld } from '../../tests/disk-world.ts'

const opened: DiskWorld[] = []

afterEach(async () => {
  for (const world of opened.splice(0)) await world.close()
})

function open(bytesMax: number, path = directory()): DiskWorld {
  const world = diskWorld({ path, bytesMax })
  opened.push(world)
  return world
}

/** Takes about 1.5 kB. */
const entry = (key: string) => entryOf(key, { value: 'x'.repeat(1000) })

async function put({ tier }: DiskWorld, ...keys: string[]): Promise<void> {
  for (const key of keys) await tier.put(entry(key))
}

const keysOf = async ({ tier }: DiskWorld) => [...(await tier.withPrefix(''))].toSorted()
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `k${from + i}`)

describe('a full tier', () => {
  it('lets the oldest go, down to 95 %, and tells others of it in the log', async () => {
    const world = open(100_000)
    await put(world, ...range(100, 170))
    const { bytes, evictions } = world.tier.usage
    expect(bytes).toBeLessThanOrEqual(100_000)
    expect(evictions).toBeGreaterThan(0)
    expect(await keysOf(world)).toEqual(range(100 + evictions, 170))
    expect(world.records.every(({ kind }) => kind === 'evict')).toBe(true)
    expect(world.records.flatMap(({ names }) => names)).toEqual(range(100, 100 + evictions))
    const { counted, found, problems } = audit(world)
    expect([counted, problems]).toEqual([found, []])
  })

  it('gives what is in use a second chance, once in a round', async () => {
    const world = open(100_000)
    await put(world, ...range(100, 105))
    for (const key of range(100, 105)) world.inUse.add(key)
    await put(world, ...range(105, 170))
    expect((await keysOf(world)).slice(0, 5)).toEqual(range(100, 105))
    for (const key of await keysOf(world)) world.inUse.add(key)
    for (const key of range(170, 300)) world.inUse.add(key)
    await put(world, ...range(170, 300))
    expect(world.tier.usage.bytes).toBeLessThanOrEqual(100_000)
    expect(audit(world).problems).toEqual([])
  })

  it('keeps what is read, though it is old', async () => {
    const world = open(100_000)
    await put(world, ...range(100, 150))
    await world.tier.get('k100')
    await world.tier.get('k149')
    await world.clock.advance(1000)
    await world.tier.get('k100')
    await put(world, ...range(150, 180))
    expect(await keysOf(world)).toContain('k100')
    expect(await keysOf(world)).not.toContain('k101')
    expect(audit(world).problems).toEqual([])
  })

  it('remembers what ended those that were invalid, and of others nothing', async () => {
    const world = open(100_000)
    await put(world, ...range(100, 102))
    await world.log.append({ kind: 'invalidate', names: ['x'] })
    world.invalid.add('k100')
    await put(world, ...range(102, 170))
    await world.tier.settle(entryOf('z'), (hold) => {
      expect([hold.headOf('k100'), hold.headOf('k101')]).toEqual([undefined, undefined])
      expect(hold.endedAt('k100')).toBeGreaterThan(0)
      expect(hold.endedAt('k101')).toBe(0)
      return undefined
    })
  })

  it('counts files with values', async () => {
    const world = open(1_000_000)
    for (const key of range(100, 110)) await world.tier.put(entryOf(key, { value: Buffer.alloc(300_000) }))
    await put(world, 'last')
    expect(world.tier.usage.bytes).toBeLessThanOrEqual(1_000_000)
    expect((await keysOf(world)).length).toBeLessThanOrEqual(4)
    expect(audit(world).counted).toEqual(audit(world).found)
  })

  it('is within its bounds, and its counts are right, whatever is done to it by whom', async () => {
    const key = fc.nat(40).map((n) => `k${n}`)
    const command = fc.record({
      key,
      who: fc.nat(1),
      what: fc.constantFrom('put', 'put', 'get', 'delete'),
      size: fc.nat(4000),
    })
    const [a, path] = [open(40_000, directory()), opened[0]?.path]
    const b = open(40_000, path)
    a.inUse.add('k1')
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 60 }), async (commands) => {
        for (const { key: each, who, what, size } of commands) {
          const { tier, clock } = who === 0 ? a : b
          if (what === 'put') await tier.put(entryOf(each, { value: 'x'.repeat(size) }))
          else if (what === 'get') await tier.get(each)
          else await tier.delete([each])
          if (size < 200) await clock.advance(1000)
        }
        await put(a, 'last')
        expect(a.tier.usage.bytes).toBeLessThanOrEqual(42_000)
        const { counted, found, problems } = audit(a)
        expect([counted, problems, a.errors, b.errors]).toEqual([found, [], [], []])
      }),
      { numRuns: 30 },
    )
  })
})
