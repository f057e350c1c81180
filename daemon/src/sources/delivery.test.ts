import { pino } from 'pino'
import {
  StaleproofError,
  systemClock,
  type InvalidateOptions,
  type InvalidationResult,
  type Target,
} from 'staleproof'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Delivery } from './delivery.ts'

let calls: { target: Target; options: InvalidateOptions | undefined }[]
/** What the next invalidations do, in order; then they succeed. */
let outcomes: (Error | 'failed')[]
let logged: string[]
let delivery: Delivery

async function invalidate(target: Target, options?: InvalidateOptions): Promise<InvalidationResult> {
  calls.push({ target, options })
  const outcome = outcomes.shift()
  if (outcome instanceof Error) throw outcome
  return { id: '1', status: outcome ?? 'completed', error: null } as InvalidationResult
}

beforeEach(() => {
  vi.useFakeTimers()
  calls = []
  outcomes = []
  logged = []
  delivery = new Delivery({
    cache: { invalidate: (target, options) => invalidate(target as Target, options) },
    clock: systemClock(),
    log: pino({ level: 'error' }, { write: (line) => logged.push(JSON.parse(line).msg) }),
    source: 'files',
  })
})
afterEach(() => vi.useRealTimers())

const namesOf = (call: number) => calls[call]?.target.names

it('gathers what comes within a short time into one invalidation', async () => {
  delivery.report({ kind: 'changed', names: ['a', 'b'] })
  await vi.advanceTimersByTimeAsync(49)
  delivery.report({ kind: 'changed', names: ['b', 'c'] })
  expect(calls).toEqual([])
  await vi.advanceTimersByTimeAsync(1)
  expect(calls).toEqual([
    {
      target: { names: ['a', 'b', 'c'], prefix: undefined },
      options: {
        strategy: 'immediate',
        consistency: 'eventual',
        reason: 'files: changed',
        actor: 'source:files',
      },
    },
  ])
})

it('gives each kind of change its reason, and a name its last kind', async () => {
  delivery.report({ kind: 'removed', names: ['a', 'b'] })
  delivery.report({ kind: 'created', names: ['a'] })
  await vi.advanceTimersByTimeAsync(50)
  const reasons = calls.map(({ target, options }) => `${options?.reason}: ${[target.names].flat().join()}`)
  expect(reasons).toEqual(['files: created: a', 'files: removed: b'])
})

it('bounds a batch', async () => {
  delivery.report({ kind: 'created', names: Array.from({ length: 2500 }, (_, n) => `n${n}`) })
  await vi.advanceTimersByTimeAsync(50)
  expect(calls.map(({ target }) => target.names?.length)).toEqual([1000, 1000, 500])
})

it('delivers a prefix by itself', async () => {
  delivery.report({ kind: 'removed', names: ['dir:/a'], prefix: 'file:/a/' })
  await vi.advanceTimersByTimeAsync(50)
  expect(calls.map(({ target }) => target)).toEqual([
    { names: [], prefix: 'file:/a/' },
    { names: ['dir:/a'], prefix: undefined },
  ])
})

it('tries again what failed, later each time, and says so', async () => {
  outcomes = [new Error('no'), 'failed', new Error('no')]
  delivery.report({ kind: 'changed', names: ['a'] })
  await vi.advanceTimersByTimeAsync(50)
  expect(calls.length).toBe(1)
  await vi.advanceTimersByTimeAsync(100)
  expect(calls.length).toBe(2)
  await vi.advanceTimersByTimeAsync(200)
  expect(calls.length).toBe(3)
  await vi.advanceTimersByTimeAsync(399)
  expect(calls.length).toBe(3)
  await vi.advanceTimersByTimeAsync(1)
  expect(namesOf(3)).toEqual(['a'])
  expect(delivery.waiting).toBe(0)
  expect(logged.length).toBe(3)
})

it('delivers again a name that changed while its invalidation was under way', async () => {
  let finish = () => {}
  const slow = new Promise<void>((resolve) => {
    finish = resolve
  })
  delivery = new Delivery({
    cache: {
      invalidate: async (target, options) => {
        const result = await invalidate(target as Target, options)
        await slow
        return result
      },
    },
    clock: systemClock(),
    log: pino({ level: 'silent' }),
    source: 'files',
  })
  delivery.report({ kind: 'changed', names: ['a'] })
  await vi.advanceTimersByTimeAsync(50)
  delivery.report({ kind: 'changed', names: ['a'] })
  finish()
  await vi.advanceTimersByTimeAsync(100)
  expect(calls.length).toBe(2)
})

it('delivers what waits before it closes, and says what it could not', async () => {
  delivery.report({ kind: 'changed', names: ['a'] })
  await delivery.close()
  expect(namesOf(0)).toEqual(['a'])
  delivery.report({ kind: 'changed', names: ['b'] })
  expect(delivery.waiting).toBe(0)
})

it('does not hold up the end for what fails', async () => {
  outcomes = [new Error('no')]
  delivery.report({ kind: 'changed', names: ['a'] })
  await delivery.close()
  expect(calls.length).toBe(1)
  expect(logged.at(-1)).toBe('changes were not delivered before the end')
})

it('delivers at once when it is asked to, what comes later as ever, and tells when each is done', async () => {
  const done: string[] = []
  await delivery.deliverNow()
  delivery.report({ kind: 'changed', names: ['a', 'b'], delivered: () => done.push('a and b') })
  delivery.report({ kind: 'created', names: ['b'], prefix: 'c', delivered: () => done.push('b and c') })
  await delivery.deliverNow()
  expect(calls.map(({ target }) => target)).toEqual([
    { names: [], prefix: 'c' },
    { names: ['a'], prefix: undefined },
    { names: ['b'], prefix: undefined },
  ])
  expect(done.toSorted()).toEqual(['a and b', 'b and c'])
  delivery.report({ kind: 'changed', names: ['d'], delivered: () => done.push('d') })
  await vi.advanceTimersByTimeAsync(50)
  expect(done.at(-1)).toBe('d')
})

const incomplete = (code: `E_${string}`, position: unknown) =>
  new StaleproofError(code, 'no', { details: { result: { position } } })

it('fails when asked to deliver at once what is not in force, and only then', async () => {
  outcomes = [new Error('no')]
  delivery.report({ kind: 'changed', names: ['a'] })
  await expect(delivery.deliverNow()).rejects.toThrow('no')
  expect(delivery.waiting).toBe(1)
  outcomes = [incomplete('E_INVALIDATION_INCOMPLETE', { generation: 'g', n: 1 })]
  await delivery.deliverNow()
  expect(delivery.waiting).toBe(1)
})

it('waits for what is in force to be written, and does not do it again', async () => {
  let unwritten = 1
  const done: string[] = []
  delivery = new Delivery({
    cache: { invalidate: (target, options) => invalidate(target as Target, options) },
    clock: systemClock(),
    log: pino({ level: 'silent' }),
    source: 'files',
    unwritten: () => unwritten,
  })
  outcomes = [incomplete('E_LOG_PENDING', null)]
  delivery.report({ kind: 'changed', names: ['a'], delivered: () => done.push('a') })
  await delivery.deliverNow()
  await vi.advanceTimersByTimeAsync(60_000)
  expect([calls.length, done.length, delivery.waiting]).toEqual([1, 0, 0])
  unwritten = 0
  await vi.advanceTimersByTimeAsync(60_000)
  expect([calls.length, done]).toEqual([1, ['a']])
})
