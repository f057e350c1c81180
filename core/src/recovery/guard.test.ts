import { describe, expect, it } from 'vitest'
import { TestClock } from '../../tests/clock.ts'
import { MapTier } from '../../tests/map-tier.ts'
import { gate, type Gate } from '../../tests/opened.ts'
import type { EntryParts } from '../model/entry.ts'
import { Events } from '../model/event.ts'
import { Guard } from './guard.ts'

function guarded(tier = new MapTier()) {
  const clock = new TestClock()
  const events = new Events()
  const told: unknown[] = []
  events.on('tier', ({ status }) => told.push(status))
  events.on('replayed', ({ owed, purged }) => told.push({ owed, purged }))
  const guard = new Guard(tier, {
    clock,
    random: () => 0,
    events,
    isInvalid: () => true,
    isValid: () => false,
  })
  const fail = () => guard.ask(() => Promise.reject(new Error('down'))).catch((error: unknown) => error)
  return { clock, events, guard, tier, told, fail }
}

/** Whatever is asked for is held. */
class FullTier extends MapTier {
  readonly deleted: string[][] = []
  onDelete: (() => void) | undefined

  override async held(keys: readonly string[]): Promise<readonly EntryParts[]> {
    return keys.map((key) => ({ key }) as EntryParts)
  }

  override async delete(keys: readonly string[]): Promise<number> {
    this.deleted.push([...keys])
    this.onDelete?.()
    return keys.length
  }
}

const pauseMs = 10_000

describe('a guard', () => {
  it('begins a call in the tick in which it is asked, so that writes keep their order', () => {
    const { guard } = guarded()
    const begun: string[] = []
    void guard.ask(async () => begun.push('a'))
    void guard.write(async () => begun.push('b'))
    expect(begun).toEqual(['a', 'b'])
  })

  it('replays only when what was being written has ended, well or not', async () => {
    const { clock, guard, told } = guarded()
    const writes: Gate<void>[] = [gate(), gate()]
    const written = writes.map(({ passed }) => guard.write(() => passed).catch(() => undefined))
    guard.owe({ names: ['a'], prefix: null })
    const asked = guard.ask(async () => told.push('asked'))
    await clock.settle()
    writes[0]?.open()
    await clock.settle()
    expect(told).toEqual([])
    writes[1]?.fail(new Error('down'))
    await Promise.all([...written, asked])
    expect(told).toEqual([{ owed: 1, purged: 0 }, 'asked'])
  })

  it('does not answer before what came to be owed while it replayed is paid', async () => {
    const tier = new FullTier()
    const { events, guard } = guarded(tier)
    const owe = (name: string) => guard.owe({ names: [name], prefix: null })
    const thenOweC = events.on('replayed', () => {
      thenOweC()
      owe('c')
    })
    tier.onDelete = () => {
      if (tier.deleted.length === 1) owe('b')
    }
    owe('a')
    expect(await guard.ask(async () => [...tier.deleted])).toEqual([['a'], ['b'], ['c']])
  })

  it('goes on where a replay failed', async () => {
    const tier = new FullTier()
    const { guard, told } = guarded(tier)
    guard.owe({ names: Array.from({ length: 1500 }, (_, i) => `name ${i}`), prefix: null })
    tier.onDelete = () => {
      if (tier.deleted.length === 2) throw new Error('down')
    }
    await expect(guard.ask(async () => 1)).rejects.toThrow('down')
    expect(guard.state).toEqual({ status: 'ok', error: null, owed: 500 })
    expect(await guard.ask(async () => 1)).toBe(1)
    expect(tier.deleted.map(({ length }) => length)).toEqual([1000, 500, 500])
    expect(told).toEqual([{ owed: 500, purged: 500 }])
  })

  it('takes no note of the end of a call that was begun before it was left alone', async () => {
    const { clock, guard, told, fail } = guarded()
    const late: Gate<void>[] = [gate(), gate()]
    const slow = late.map(({ passed }) => guard.ask(() => passed).catch(() => undefined))
    for (let failures = 0; failures < 5; failures++) await fail()
    late[0]?.open()
    late[1]?.fail(new Error('late'))
    await Promise.all(slow)
    expect(await fail()).toMatchObject({ code: 'E_RECOVERY_TIER_FAILING' })
    await clock.advance(pauseMs)
    expect(await guard.ask(async () => 1)).toBe(1)
    expect(told).toEqual(['failing', 'ok'])
  })

  it('says that the tier is being tried', async () => {
    const { clock, guard, fail } = guarded()
    for (let failures = 0; failures < 5; failures++) await fail()
    await clock.advance(pauseMs)
    const trial = gate()
    const tried = guard.ask(() => trial.passed)
    await expect(guard.ask(async () => 1)).rejects.toThrow('it is being tried again now, by itself')
    trial.open()
    await tried
  })

  it('leaves no timer behind', async () => {
    const { clock, guard, fail } = guarded()
    guard.owe({ names: ['a'], prefix: null })
    for (let failures = 0; failures < 5; failures++) await fail()
    await guard.close()
    expect(clock.waiting).toBe(0)
  })
})
