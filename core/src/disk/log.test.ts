import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { TestClock } from '../../tests/clock.ts'
import { directory } from '../../tests/directories.ts'
import type { LogRecord, LogState } from '../log/contract.ts'
import { StaleproofError } from '../model/errors.ts'
import { Environment } from './environment.ts'
import { DiskLog } from './log.ts'
import { openTail } from './tail.ts'

const opened: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of opened.splice(0)) await close()
})

interface Node {
  readonly log: DiskLog
  readonly environment: Environment
  readonly clock: TestClock
  readonly applied: LogRecord[]
  readonly errors: string[]
  readonly written: number[]
}

/** The state is what was applied, so that a dump shows all of it. */
function node(path: string): Node {
  const environment = new Environment({ path, nowMs: 0 })
  const tail = openTail(path)
  const clock = new TestClock()
  const [applied, errors, written]: [LogRecord[], string[], number[]] = [[], [], []]
  const state: LogState = {
    apply: (record) => applied.push(record),
    declared: () => [],
    missing: () => [],
    dump: () => applied,
    load: (dump) => applied.splice(0, applied.length, ...((dump as LogRecord[] | undefined) ?? [])),
    size: 0,
  }
  const log = new DiskLog({
    environment,
    tail,
    state,
    clock,
    generation: 'g',
    onError: (error) => errors.push((error as StaleproofError).code),
    onLook: () => undefined,
    onWritten: (_change, { n }) => written.push(n),
  })
  log.catchUp()
  opened.push(async () => {
    await log.close().catch(() => undefined)
    await environment.close()
  })
  return { log, environment, clock, applied, errors, written }
}

describe('several logs of one directory', () => {
  it('each see what the others appended before they judge anything', async () => {
    const path = directory()
    const [a, b] = [node(path), node(path)]
    for (const log of [a.log, b.log, a.log]) await log.append({ kind: 'change', names: ['x'] })
    b.log.catchUp()
    expect(a.applied.map(({ n }) => n)).toEqual([1, 2, 3])
    expect(b.applied).toEqual(a.applied)
  })

  it('give out each position once and apply all in order, however their appends mix', async () => {
    const from = fc.array(fc.constantFrom(0, 1, 2), { minLength: 1, maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(from, async (who) => {
        const path = directory()
        const nodes = [node(path), node(path), node(path)]
        const positions = await Promise.all(
          who.map((i, at) => (nodes[i] as Node).log.append({ kind: 'change', names: [`${at}`] })),
        )
        expect(positions.map(({ n }) => n).sort((a, b) => a - b)).toEqual(who.map((_, i) => i + 1))
        for (const { log, applied } of nodes) {
          log.catchUp()
          expect(applied.map(({ n }) => n)).toEqual(who.map((_, i) => i + 1))
          for (const [at, { n }] of positions.entries()) expect(applied[n - 1]?.names).toEqual([`${at}`])
        }
      }),
      { numRuns: 15 },
    )
  })

  it('find at the next look what was committed by one that died before it told', async () => {
    const path = directory()
    const [a, b] = [node(path), node(path)]
    await a.environment.transact(() => a.log.put({ kind: 'change', names: ['x'] }))
    b.log.catchUp()
    expect(b.applied).toEqual([])
    b.log.pull()
    expect(b.applied.map(({ names }) => names)).toEqual([['x']])
  })
})

describe('a log that is opened again', () => {
  it('knows what was appended, and goes on from there', async () => {
    const path = directory()
    const first = node(path)
    for (let i = 1; i <= 3; i++) await first.log.append({ kind: 'link', names: [`a${i}`], dependsOn: ['b'] })
    const again = node(path)
    expect(again.applied).toEqual(first.applied)
    expect(await again.log.append({ kind: 'change', names: ['x'] })).toEqual({ generation: 'g', n: 4 })
  })

  it('starts from the newest snapshot, and from the one before if that is damaged', async () => {
    const path = directory()
    const first = node(path)
    const many = (count: number) => {
      return Promise.all(
        Array.from({ length: count }, () => first.log.append({ kind: 'change', names: ['x'] })),
      )
    }
    for (let i = 0; i < 3; i++) {
      await many(5000)
      await first.log.close()
    }
    const snapshots = first.environment.table<number>('snapshots', 'numbers')
    expect([...snapshots.getKeys()].length).toBe(2)
    expect(node(path).applied.map(({ n }) => n)).toEqual(first.applied.map(({ n }) => n))
    const newest = [...snapshots.getKeys({ reverse: true })][0] as number
    await first.environment.transact(() => void snapshots.put(newest, Buffer.from('garbage')))
    const again = node(path)
    expect(again.errors).toEqual(['E_DISK_DAMAGED'])
    expect(again.applied.map(({ n }) => n)).toEqual(first.applied.map(({ n }) => n))
  })

  it('takes everything for invalidated where it cannot read', async () => {
    const path = directory()
    const first = node(path)
    for (let i = 0; i < 3; i++) await first.log.append({ kind: 'change', names: ['x'] })
    const records = first.environment.table<number>('log', 'numbers')
    await first.environment.transact(() => {
      const bytes = Buffer.from(records.get(2) as Buffer)
      bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1
      void records.put(2, bytes)
    })
    const again = node(path)
    expect(again.errors).toEqual(['E_DISK_DAMAGED'])
    expect(again.applied.map(({ n, prefixes }) => [n, prefixes])).toEqual([
      [1, undefined],
      [2, ['']],
      [3, undefined],
    ])
  })

  it('takes everything for invalidated where records are missing, and knows those that come after', async () => {
    const path = directory()
    const first = node(path)
    for (const name of ['a', 'b', 'c', 'd', 'e'])
      await first.log.append({ kind: 'link', names: [name], dependsOn: ['x'] })
    const rows = first.environment.table<number>('log', 'numbers')
    await first.environment.transact(() => {
      for (const n of [3, 4]) void rows.remove(n)
    })
    const again = node(path)
    expect(again.applied.map(({ names, prefixes }) => prefixes ?? names)).toEqual([['a'], ['b'], [''], ['e']])
    const [, , everything] = again.applied
    expect(everything?.n).toBeGreaterThan(4)
    expect(everything?.n).toBeLessThan(5)
    expect(again.errors).toEqual(['E_DISK_DAMAGED'])
    expect(again.log.applied).toBe(5)
  })

  it('has fallen behind if the log was trimmed, and starts from the snapshot', async () => {
    const path = directory()
    const [a, b] = [node(path), node(path)]
    for (let i = 0; i < 3; i++) {
      await Promise.all(Array.from({ length: 5000 }, () => a.log.append({ kind: 'change', names: ['x'] })))
      await a.log.close()
    }
    b.log.catchUp()
    expect(b.applied.map(({ n }) => n)).toEqual(a.applied.map(({ n }) => n))
  })
})

describe('while the disk fails', () => {
  const full = new StaleproofError('E_DISK_FULL', 'no room')

  it('what is appended is in force at once, told of as pending, and written in order when it works again', async () => {
    const path = directory()
    const { log, environment, clock, applied, written } = node(path)
    await log.append({ kind: 'change', names: ['a'] })
    const transact = environment.transact.bind(environment)
    environment.transact = () => Promise.reject(full)
    for (const name of ['b', 'c']) {
      await expect(log.append({ kind: 'change', names: [name] })).rejects.toMatchObject({
        code: 'E_LOG_PENDING',
      })
    }
    expect(applied.map(({ names }) => names[0])).toEqual(['a', 'b', 'c'])
    expect(log.applied).toBeGreaterThan(1)
    expect([log.failure, log.waiting]).toEqual([full, 2])
    await expect(log.commit(() => 0)).rejects.toBe(full)

    await clock.advance(1000)
    expect(log.waiting).toBe(2)
    environment.transact = transact
    await clock.advance(2000)
    await expect.poll(() => log.failure).toBeUndefined()
    expect([log.waiting, written]).toEqual([0, [2, 3]])
    expect(node(path).applied.map(({ names }) => names[0])).toEqual(['a', 'b', 'c'])
    expect(await log.append({ kind: 'change', names: ['d'] })).toEqual({ generation: 'g', n: 4 })
  })

  it('what was committed and not flushed is flushed, and not written twice', async () => {
    const { log, environment, clock, written } = node(directory())
    const flush = environment.flush.bind(environment)
    environment.flush = () => Promise.reject(full)
    await expect(log.append({ kind: 'change', names: ['a'] })).rejects.toMatchObject({
      code: 'E_LOG_PENDING',
    })
    environment.flush = flush
    await clock.advance(1000)
    await expect.poll(() => log.waiting).toBe(0)
    expect([log.applied, written]).toEqual([1, [1]])
  })
})
