import { afterEach, describe, expect, it } from 'vitest'
import { directory } from '../../tests/directories.ts'
import { audit, diskWorld, policy, type DiskWorld } from '../../tests/disk-world.ts'
import { Edit, endedMax } from './edit.ts'
import { keyOf } from '../bytes/names.ts'
import { Rows } from './rows.ts'

const opened: DiskWorld[] = []

afterEach(async () => {
  for (const world of opened.splice(0)) await world.close()
})

describe('what ended', () => {
  it('is forgotten from the oldest on, and what is forgotten may have ended as late as that', async () => {
    const world = diskWorld({ path: directory() })
    opened.push(world)
    const rows = new Rows(
      world.environment,
      () => 'g',
      () => policy,
    )
    const end = (n: number, names: readonly string[]) =>
      world.environment.transact(() => {
        const edit = new Edit(rows, { nowMs: 0, n })
        for (const name of names) edit.ended(keyOf(name))
        edit.end()
        return ['first', 'second', 'k0', 'unknown'].map((name) => edit.endedAt(keyOf(name)))
      })
    expect(await end(5, ['first'])).toEqual([5, 0, 0, 0])
    expect(await end(6, ['second', 'first'])).toEqual([6, 6, 0, 0])
    const many = Array.from({ length: endedMax - 2 }, (_, i) => `k${i}`)
    expect(await end(9, many)).toEqual([6, 6, 9, 0])
    expect(await end(10, ['one more'])).toEqual([6, 6, 9, 6])
    expect(await end(11, ['k0'])).toEqual([6, 6, 11, 6])
    expect(await end(12, ['another', 'and another'])).toEqual([9, 9, 11, 9])
    expect(audit(world).problems).toEqual([])
  })
})
