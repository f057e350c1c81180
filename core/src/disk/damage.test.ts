/**
 * Rows that are not what was written: never served, never a crash.
 */
import { afterEach, describe, expect, it } from 'vitest'
import { directory } from '../../tests/directories.ts'
import { audit, diskWorld, entryOf, policy, type DiskWorld } from '../../tests/disk-world.ts'
import { unsealed } from '../bytes/codec.ts'
import { asideMax } from './edit.ts'
import { keyOf } from '../bytes/names.ts'
import { countsKey, Rows } from './rows.ts'

const opened: DiskWorld[] = []

afterEach(async () => {
  for (const world of opened.splice(0)) await world.close()
})

function open(options: { path?: string; bytesMax?: number } = {}): DiskWorld & { rows: Rows } {
  const world = diskWorld({ path: directory(), ...options })
  opened.push(world)
  return {
    ...world,
    rows: new Rows(
      world.environment,
      () => 'g',
      () => policy,
    ),
  }
}

const entry = () => entryOf('k', { value: { a: 'value' }, dependencies: ['d:1', 'd:2'], directCount: 1 })

async function overwrite({ environment, rows }: DiskWorld & { rows: Rows }, bytes: Buffer): Promise<void> {
  await environment.transact(() => void rows.entries.put(keyOf('k'), bytes))
}

describe('a damaged row', () => {
  it('is never served, whichever byte it is', async () => {
    const world = open()
    const { tier, rows } = world
    await tier.put(entry())
    const length = (rows.entries.get(keyOf('k')) as Buffer).length
    for (let at = 0; at < length; at++) {
      await tier.put(entry())
      const bytes = Buffer.from(rows.entries.get(keyOf('k')) as Buffer)
      bytes[at] = (bytes[at] as number) ^ (1 << (at % 8))
      await overwrite(world, bytes)
      expect(await tier.get('k')).toBeUndefined()
      expect(await tier.held(['k'])).toEqual([])
    }
    expect(tier.usage).toMatchObject({ entries: 0, damaged: length })
    expect(world.errors).toHaveLength(length)
    expect(new Set(world.errors)).toEqual(new Set(["reading 'k' from disk: it is set aside: E_DISK_DAMAGED"]))
    await tier.put(entry())
    expect((await tier.get('k'))?.value).toEqual({ a: 'value' })
  })

  it('goes with all that belonged to it, if only the value was hit', async () => {
    const world = open()
    await world.tier.put(entry())
    const bytes = Buffer.from(world.rows.entries.get(keyOf('k')) as Buffer)
    bytes[2] = (bytes[2] as number) ^ 1
    await overwrite(world, bytes)
    await world.tier.get('k')
    expect(audit(world)).toEqual({ counted: [0, 0], found: [0, 0], problems: [] })
    const [aside] = [...world.rows.damaged.getRange()].map(({ value }) =>
      unsealed<Aside>(value, 'a damaged row'),
    )
    expect(aside).toMatchObject({ key: keyOf('k'), bytes, atMs: world.clock.now() })
    expect(aside?.why).toMatch(/checksum/)
  })

  it('is found by whoever settles, deletes or makes room, too', async () => {
    const world = open({ bytesMax: 10_000 })
    const { tier } = world
    for (const meet of [
      () =>
        tier.settle(entryOf('j'), (hold) => {
          expect(hold.headOf('k')).toBeUndefined()
          return undefined
        }),
      () =>
        tier.settle(entryOf('j'), (hold) => {
          expect([...hold.dependentsOf('d:1')]).toEqual([])
          return undefined
        }),
      () => tier.put(entryOf('k', { stamp: 0 })),
      () => tier.delete(['k']),
      () => tier.put(entryOf('j', { value: 'x'.repeat(9900) })),
    ]) {
      await tier.delete(['j', 'k'])
      await tier.put(entry())
      const before = tier.usage.damaged
      await overwrite(world, Buffer.from('what is this'))
      await meet()
      expect(tier.usage.damaged).toBe(before + 1)
      expect(world.errors.splice(0)).toHaveLength(1)
    }
    expect(tier.usage.bytes).toBeLessThanOrEqual(10_000)
  })

  it('is kept, as one of the newest thousand', async () => {
    const world = open()
    for (let i = 0; i < asideMax + 5; i++) {
      await overwrite(world, Buffer.from(`damaged ${i}`))
      await world.tier.get('k')
    }
    const kept = [...world.rows.damaged.getRange()].map(({ value }) =>
      unsealed<Aside>(value, 'a row').bytes.toString(),
    )
    expect([kept.length, kept[0], kept.at(-1)]).toEqual([asideMax, 'damaged 5', `damaged ${asideMax + 4}`])
    expect(world.tier.usage.damaged).toBe(asideMax + 5)
  })
})

describe('damaged counts', () => {
  it('are counted anew', async () => {
    const world = open()
    await world.tier.put(entry())
    await world.tier.put(entryOf('file', { value: Buffer.alloc(300_000) }))
    await world.tier.delete(['none'])
    await world.environment.transact(() => void world.rows.tier.put(countsKey, Buffer.from('x')))
    const shown = world.tier.usage
    await world.tier.put(entryOf('j'))
    expect([shown.entries, world.tier.usage.entries]).toEqual(
      [2, 3].map((n) => expect.toSatisfy((of) => of === n || of === 0)),
    )
    const { counted, found, problems } = audit(world)
    expect([counted, problems]).toEqual([found, []])
    expect(world.errors).toHaveLength(1)
  })

  it('leave nothing that ended unknown', async () => {
    const world = open()
    await world.log.append({ kind: 'invalidate', names: ['x'] })
    await world.environment.transact(() => void world.rows.tier.put(countsKey, Buffer.from('x')))
    await world.tier.settle(entryOf('k'), (hold) => {
      expect(hold.endedAt('any')).toBe(1)
      return undefined
    })
  })
})

interface Aside {
  readonly key: Buffer
  readonly why: string
  readonly atMs: number
  readonly bytes: Buffer
}
