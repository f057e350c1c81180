/**
 * Positions that are not whole, and entries of another generation: what a log of many nodes does to a cache.
 */
import { expect, it } from 'vitest'
import type { Backing, BackingParts } from '../../src/backing/contract.ts'
import { InProcess } from '../../src/cache/in-process.ts'
import { MapTier } from '../map-tier.ts'
import { createCache, type Admit, type EntryParts, type Log, type SharedTier } from '../../src/index.ts'

/** The rest of it, with another log. */
function besides({ queue, history, log: own }: InProcess, log: Log): Backing {
  return {
    log,
    queue,
    history,
    shared: undefined,
    turns: undefined,
    state: undefined,
    close: () => own.close(),
  }
}

/** In force here only: a place between two positions of the log. */
it('a token is taken back though something is in force here only', async () => {
  const place = 2 ** -20
  const open = (parts: BackingParts) => {
    const own = new InProcess(parts)
    const log: Log = Object.create(own.log, { applied: { get: () => own.log.applied + place } }) as Log
    log.catchUp = () => undefined
    return besides(own, log)
  }
  const cache = createCache({ disk: { kind: 'disk', open } })
  const since = cache.token()
  expect(since).toMatch(/\.0$/)
  await expect(cache.fill('a', 1, { since })).resolves.toMatchObject({ refused: null })
})

class LeavingTier extends MapTier implements SharedTier {
  readonly isShared = true
  onSettled: () => void = () => undefined

  async settle(_: EntryParts, admit: Admit): Promise<EntryParts | undefined> {
    const nothing = { headOf: () => undefined, endedAt: () => 0, dependentsOf: () => [], announce: () => 0 }
    const kept = admit({ ...nothing, isCurrent: true })
    this.onSettled()
    return kept
  }

  async ended(): Promise<void> {}
}

it('what a tier took before its generation ended does not come into memory afterwards', async () => {
  const shared = new LeavingTier('shared')
  let generation = 'one'
  const open = (parts: BackingParts) => {
    const own = new InProcess(parts)
    const append: Log['append'] = (...args) => own.log.append(...args)
    const log: Log = {
      ...{
        name: 'own',
        membership: undefined,
        append,
        catchUp: () => undefined,
        close: () => own.log.close(),
      },
      get generation() {
        return generation
      },
      get applied() {
        return own.log.applied
      },
    }
    return { ...besides(own, log), shared }
  }
  const cache = createCache({ disk: { kind: 'disk', open } })
  shared.onSettled = () => (generation = 'two')
  expect(await cache.getOrSet('a', () => 1)).toBe(1)
  expect(cache.peek('a')).toBeUndefined()
})
