/**
 * The disk tier against an oracle: a Map that does the same, slowly.
 */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { directory } from '../../tests/directories.ts'
import { audit, diskWorld, entryOf, type DiskWorld } from '../../tests/disk-world.ts'
import type { EntryParts } from '../model/entry.ts'

const long = 'x'.repeat(470)

const names = [
  'a',
  'a:1',
  'a:2',
  'b:é',
  '\ud83d',
  '\ud83d\ude00',
  long,
  `${long}:1`,
  `${long}:2`,
  `${'é'.repeat(300)}z`,
]

const name = fc.constantFrom(...names)
const prefix = fc.constantFrom('a', 'a:', 'b', '\ud83d', long, `${long}:`, 'x', 'é', 'é'.repeat(300), '')

const large = fc.constantFrom(300_000, 400_000).map((length) => Buffer.alloc(length, length % 251))

const small = fc.oneof(
  fc.constantFrom<unknown>(
    undefined,
    null,
    0,
    '',
    'téxt',
    new Date(5),
    new Map([[1, new Set(['x'])]]),
    2n ** 70n,
  ),
  fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
  fc.string({ maxLength: 3000 }),
  fc.jsonValue({ depthSize: 'small' }).filter((json) => !JSON.stringify(json).includes('__proto__')),
)

const value = fc.oneof({ weight: 20, arbitrary: small }, { weight: 1, arbitrary: large })

const put = fc.record({
  kind: fc.constant('put' as const),
  key: name,
  value,
  dependencies: fc.uniqueArray(name, { maxLength: 4 }),
  stamp: fc.nat(5),
  keyStamp: fc.nat(5),
})
const remove = fc.record({
  kind: fc.constant('delete' as const),
  keys: fc.uniqueArray(name, { maxLength: 4 }),
})
const ask = fc.record({
  kind: fc.constant('ask' as const),
  names: fc.uniqueArray(name, { maxLength: 4 }),
  prefix,
})
const reopen = fc.constant({ kind: 'reopen' as const })
const command = fc.oneof(
  { weight: 16, arbitrary: put },
  { weight: 6, arbitrary: remove },
  { weight: 8, arbitrary: ask },
  { weight: 1, arbitrary: reopen },
)
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never

class Oracle {
  readonly entries = new Map<string, EntryParts>()

  put(entry: EntryParts): void {
    const held = this.entries.get(entry.key)
    if (held !== undefined && (entry.stamp < held.stamp || entry.keyStamp < held.keyStamp)) return
    this.entries.set(entry.key, entry)
  }

  dependents(wanted: readonly string[]): string[] {
    return this.#keysWhere((each) => wanted.includes(each))
  }

  withPrefix(wanted: string): string[] {
    return this.#keysWhere((each) => each.startsWith(wanted))
  }

  #keysWhere(matches: (name: string) => boolean): string[] {
    const entries = [...this.entries.values()]
    return entries
      .filter(({ key, dependencies }) => [key, ...dependencies].some(matches))
      .map(({ key }) => key)
  }
}

async function same({ tier }: DiskWorld, oracle: Oracle): Promise<void> {
  for (const key of names) {
    const entry = oracle.entries.get(key)
    expect(shown(await tier.get(key))).toEqual(entry && expect.objectContaining(shown(entry)))
  }
  const held = await tier.held(names)
  expect(held.map(({ key }) => key)).toEqual(names.filter((key) => oracle.entries.has(key)))
}

/** Bytes as text: they are compared one by one otherwise. */
function shown(entry: EntryParts | undefined): object | undefined {
  return entry && { ...entry, ...(Buffer.isBuffer(entry.value) && { value: entry.value.toString('latin1') }) }
}

async function run(world: DiskWorld, oracle: Oracle, each: Command): Promise<void> {
  if (each.kind === 'put') {
    const { kind: _kind, ...more } = each
    const dependencies = more.dependencies.filter((dependency) => dependency !== more.key)
    const entry = entryOf(more.key, { ...more, dependencies, directCount: Math.min(1, dependencies.length) })
    await world.tier.put(entry)
    oracle.put(entry)
  } else if (each.kind === 'delete') {
    const deleted = await world.tier.delete(each.keys)
    expect(deleted).toBe(each.keys.filter((key) => oracle.entries.delete(key)).length)
  } else if (each.kind === 'ask') {
    expect((await world.tier.dependents(each.names)).toSorted()).toEqual(
      oracle.dependents(each.names).toSorted(),
    )
    expect((await world.tier.withPrefix(each.prefix)).toSorted()).toEqual(
      oracle.withPrefix(each.prefix).toSorted(),
    )
  }
}

it('holds what a Map would, and its tables fit together', async () => {
  let world = diskWorld({ path: directory() })
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 40 }), async (commands) => {
      const oracle = new Oracle()
      for (const each of commands) {
        if (each.kind === 'reopen') {
          await world.close()
          world = diskWorld({ path: world.path })
        } else await run(world, oracle, each)
      }
      await same(world, oracle)
      const { counted, found, problems } = audit(world)
      expect([problems, counted]).toEqual([[], found])
      await world.tier.clear()
      expect([world.errors, audit(world)]).toEqual([[], { counted: [0, 0], found: [0, 0], problems: [] }])
    }),
    { numRuns: 200 },
  )
  await world.close()
})
