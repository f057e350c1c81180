/**
 * What many nodes do to each other's entries, while each decides by what it saw.
 */
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { startRedis, type RedisServer } from 'staleproof-testbed'
import { chanceOf, RedisWorld, type Chance, type RedisNode } from '../../tests/redis-world.ts'
import { lookScript, storeScript } from './tier-lua.ts'

let server: RedisServer
let world: RedisWorld
let here: RedisNode
let there: RedisNode
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())
beforeEach(async () => {
  world = new RedisWorld(server)
  here = await world.node()
  there = await world.node()
})
afterEach(() => world.close())

/** Runs once between the look and the store of what `here` does next. */
function meanwhile(work: () => Promise<unknown>): void {
  here.driver.before = async (script) => {
    if (script !== storeScript) return
    here.driver.before = undefined
    await work()
  }
}

function looks(): number {
  return here.driver.asked.filter((sha) => sha === lookScript.sha).length
}

const changes: Record<string, (node: RedisNode) => Promise<unknown>> = {
  'the entry itself': ({ tier, entry }) => tier.put(entry('list', { dependencies: ['c'] })),
  'an input': ({ tier, entry }) => tier.put(entry('input', { dependencies: ['a', 'b'] })),
  'an input that was not there': ({ tier, entry }) => tier.put(entry('absent', { dependencies: ['a'] })),
  'a dependent more': ({ tier, entry }) => tier.put(entry('other', { dependencies: ['list'] })),
  'a dependent that knows less': ({ tier, entry }) => tier.put(entry('page', { dependencies: ['list'] })),
  'a dependent less': ({ tier }) => tier.delete(['page']),
}

const list = { dependencies: ['input', 'absent', 'tag', 'b'], directCount: 3 }

for (const [what, change] of Object.entries(changes)) {
  it(`looks again if somebody changes ${what} before it stores`, async () => {
    await here.tier.put(here.entry('input', { dependencies: ['a'] }))
    await here.tier.put(
      here.entry('page', { dependencies: ['list', ...list.dependencies, 'a'], directCount: 1 }),
    )
    meanwhile(() => change(there))
    const { kept } = await here.admit(here.entry('list', list))
    expect(looks(), 'two of put, two of it').toBe(4)
    expect(kept?.dependencies).toContain('a')
    await isWhole(here, ['list', 'page', 'input', 'other', 'absent'])
  })
}

it('refuses what was made from an entry that came and was invalidated before it stores', async () => {
  meanwhile(async () => {
    await there.tier.put(there.entry('absent'))
    await there.invalidate('absent')
    await there.purge('absent')
  })
  const { kept, verdict } = await here.admit(here.entry('list', list))
  expect([kept, verdict, looks()]).toEqual([undefined, 'refused', 2])
})

it('refuses what was made from an entry that was invalidated, and replaced before anybody removed it', async () => {
  await here.tier.put(here.entry('input', { dependencies: ['row'] }))
  const list = here.entry('list', { dependencies: ['input'], directCount: 1 })
  await there.invalidate('row')
  await there.tier.put(there.entry('input', { dependencies: ['other row'] }))
  here.log.catchUp()
  expect(await here.admit(list)).toEqual({ kept: undefined, verdict: 'refused' })
})

it('takes an entry that was removed and stored anew for another', async () => {
  const store = async (node: RedisNode, dependencies: string[]) => {
    await node.tier.delete(['input'])
    await node.tier.put(node.entry('input', { dependencies }))
  }
  await here.tier.put(here.entry('input'))
  await store(here, ['a'])
  // It ended at the same position as before.
  meanwhile(() => store(there, ['b']))
  const { kept } = await here.admit(here.entry('list', { dependencies: ['input'] }))
  expect(kept?.dependencies).toEqual(['input', 'b'])
})

it('does not look again if others fill entries with the same dependencies, or append to the log', async () => {
  meanwhile(async () => {
    await there.tier.put(there.entry('another', { dependencies: ['tag', 'row'] }))
    await there.invalidate('something else')
  })
  await here.admit(here.entry('list', { dependencies: ['tag', 'row'] }))
  expect(looks()).toBe(1)
})

it('announces at the position that the record gets, though others append meanwhile', async () => {
  await here.tier.put(here.entry('page', { dependencies: ['list'] }))
  const before = here.log.applied
  meanwhile(() => there.invalidate('something else'))
  const { kept } = await here.admit(here.entry('list', { dependencies: ['a'] }))
  expect([kept?.keyStamp, here.log.applied]).toEqual([before + 2, before + 2])
  expect(here.judge.verdict(here.entry('page', { stamp: before, dependencies: ['list'] }))?.n).toBe(
    before + 2,
  )
  expect(here.log.owned, 'records that are still to come').toBe(0)
})

it('gives up when others are always first, and leaves nothing announced', async () => {
  await here.tier.put(here.entry('page', { dependencies: ['list'] }))
  here.driver.before = async (script) => script === storeScript && there.invalidate('something else')
  const settled = here.admit(here.entry('list', { dependencies: ['a'] }))
  await expect(settled).rejects.toMatchObject({ code: 'E_REDIS_CONTENDED' })
  expect(here.log.owned).toBe(0)
  expect(await here.tier.held(['list'])).toEqual([])
})

it('decides nothing on a log that it cannot follow, and stores what needs no decision', async () => {
  const behind = await world.node()
  await behind.log.close()
  for (const name of ['a', 'b', 'c']) await here.invalidate(name)
  await here.driver.call('XTRIM', `${here.driver.prefix}:log`, 'MAXLEN', 1)
  const { kept, verdict } = await behind.admit(behind.entry('list', { dependencies: ['tag'] }))
  expect([behind.log.refused, kept, verdict]).toEqual(['gap', undefined, 'behind'])
  await behind.tier.put(behind.entry('list', { value: 'put' }))
  expect((await here.tier.get('list'))?.value).toBe('put')
})

it('announces nothing if it cannot be stored for another reason', async () => {
  await here.tier.put(here.entry('page', { dependencies: ['list'] }))
  here.driver.before = async (script) => {
    if (script === storeScript) throw new Error('cut off')
  }
  await expect(here.admit(here.entry('list', { dependencies: ['a'] }))).rejects.toThrow('cut off')
  expect(here.log.owned).toBe(0)
})

for (const count of [16, 17, 100]) {
  it(`looks at each of ${count} dependents, and tells of none that knows`, async () => {
    const pages = Array.from({ length: count }, (_, i) => `page:${i}`)
    const put = (page: string, dependencies: string[]) => here.tier.put(here.entry(page, { dependencies }))
    await Promise.all(pages.map((page) => put(page, ['list', 'a'])))
    const before = here.log.applied
    await here.admit(here.entry('list', { dependencies: ['a'] }))
    expect(here.log.applied, 'all of them know').toBe(before)
    await here.tier.delete(['list'])
    await put(pages.at(-1) as string, ['list'])
    await here.admit(here.entry('list', { dependencies: ['a'] }))
    expect(here.log.applied, 'one of them does not').toBe(before + 1)
  })
}

it('tells of all dependents when there are more than anybody looks at', async () => {
  const pages = Array.from({ length: 150 }, (_, i) => `page:${i}`)
  await Promise.all(pages.map((page) => here.tier.put(here.entry(page, { dependencies: ['list', 'a'] }))))
  const before = here.log.applied
  const { kept } = await here.admit(here.entry('list', { dependencies: ['a'] }))
  expect([kept?.keyStamp, here.log.applied]).toEqual([before + 1, before + 1])
})

const lists = ['list:0', 'list:1', 'list:2']
const pages = ['page:0', 'page:1', 'page:2', 'page:3']
const tags = ['tag:0', 'tag:1', 'tag:2', 'tag:3']
const keys = [...lists, ...pages]

for (const seed of [1, 2, 3, 4, 5, 6]) {
  it(`every valid entry carries what the others are made from, whoever stored them (seed ${seed})`, async () => {
    const chance = chanceOf(seed)
    const nodes = [here, there, await world.node(), await world.node()]
    for (let round = 0; round < 15; round++) {
      await Promise.all(nodes.flatMap((node) => Array.from({ length: 4 }, () => act(node, chance))))
      for (const node of nodes) await node.log.sync()
      await isWhole(here, keys)
    }
    expect(nodes.map(({ errors }) => errors)).toEqual([[], [], [], []])
    expect(nodes.map(({ log }) => log.owned)).toEqual([0, 0, 0, 0])
  })
}

async function act(node: RedisNode, chance: Chance): Promise<void> {
  const kind = chance.below(10)
  const name = keys[chance.below(keys.length)] as string
  if (kind === 0) await node.invalidate(tags[chance.below(tags.length)] as string)
  else if (kind === 1) await node.purge(...keys)
  else if (kind === 2) await node.invalidate(name)
  else await fill(node, name, chance)
}

/** Pages are made from lists, lists from those after them; all from tags. */
async function fill(node: RedisNode, key: string, chance: Chance): Promise<void> {
  const inputs = key.startsWith('page') ? lists : lists.slice(lists.indexOf(key) + 1)
  const dependencies = [...chance.some(inputs), ...chance.some(tags)]
  const { verdict } = await node.admit(node.entry(key, { dependencies }))
  if (verdict === 'behind') await node.log.sync()
}

/** Every valid entry that depends on another carries what that is made from. */
async function isWhole({ tier, judge }: RedisNode, names: readonly string[]): Promise<void> {
  const held = await tier.held(names)
  const valid = new Map(
    held.filter((head) => judge.verdict(head) === undefined).map((head) => [head.key, head]),
  )
  for (const { key, dependencies } of valid.values()) {
    const carried = new Set([...dependencies, key])
    for (const name of dependencies) {
      const lacking = valid.get(name)?.dependencies.filter((each) => !carried.has(each)) ?? []
      expect(lacking, `what ${key} lacks of ${name}`).toEqual([])
    }
  }
}
