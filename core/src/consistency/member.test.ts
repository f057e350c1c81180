import { describe, expect, it } from 'vitest'
import { TestClock } from '../../tests/clock.ts'
import { HandServer } from '../../tests/hand-server.ts'
import type { Change, ChangeOutbox, LogRecord } from '../log/contract.ts'
import type { Told } from './contract.ts'
import { Member } from './member.ts'

function member(random = () => 0, outbox?: ChangeOutbox, leaseMs = 3000) {
  const hand = new HandServer()
  const errors: string[] = []
  const clock = new TestClock()
  const applied: LogRecord[] = []
  const declared: string[] = []
  const statuses: string[] = []
  const log = new Member({
    ...{ server: hand.server, clock, random, id: 'me', nodeName: 'me', leaseMs },
    state: {
      apply: (record) => {
        applied.push(record)
        if (record.kind === 'link') declared.push(...record.names)
      },
      dump: () => [...declared],
      declared: () => [...declared],
      missing: (dump) => {
        const lost = (dump as string[]).filter((name) => !declared.includes(name))
        return lost.map((name): Change => ({ kind: 'link', names: [name], dependsOn: ['d'] }))
      },
      load: (dump) => declared.splice(0, declared.length, ...((dump as string[] | undefined) ?? [])),
      size: 0,
    },
    onError: (_, during) => errors.push(during),
    onNode: ({ status }) => statuses.push(status),
    onWritten: () => undefined,
    outbox,
  })
  return { hand, clock, applied, errors, statuses, log }
}

function same(generation: string, tail: number, records: readonly Told[] = []) {
  return { is: 'same', generation, tail, records, isAll: true, isSettled: true, nodes: 1 }
}

function told(generation: string, n: number, change: Change): Told {
  return { n, nonce: `${generation}:${n}`, node: 'other', change, atMs: 0 }
}

const link: Change = { kind: 'link', names: ['page'], dependsOn: ['row'] }
const invalidate: Change = { kind: 'invalidate', names: ['row'] }

/** A member that has joined 'one' at 1, where 'page' is linked. */
async function joined(random?: () => number, outbox?: ChangeOutbox) {
  const all = member(random, outbox)
  const { hand, clock } = all
  const step = async (what: string, answer: unknown) => {
    await clock.settle()
    hand.next(what).answer(answer)
    await clock.settle()
  }
  await step('sync', { is: 'other' })
  await step('snapshot', { generation: 'one', n: 0, dump: { leaseMs: 3000, longestMs: 3000, state: [] } })
  await step('records', [told('one', 1, link)])
  await step('records', [])
  await step('sync', same('one', 1))
  expect([all.log.generation, all.log.applied, all.log.isFenced]).toEqual(['one', 1, false])
  return { ...all, step }
}

it('who leaves is not told of as fenced', async () => {
  const { log, step, statuses } = await joined()
  const closed = log.close()
  await step('leave', undefined)
  await closed
  expect([log.isFenced, statuses]).toEqual([true, ['generation', 'leased', 'left']])
})

it('a node with a long lease says often enough that it lives', async () => {
  const { hand, clock } = member(() => 0, undefined, 45_000)
  const dump = { leaseMs: 45_000, longestMs: 45_000, state: [] }
  const answers = [{ is: 'other' }, { generation: 'one', n: 0, dump }, [], same('one', 0)]
  for (const answer of answers) {
    await clock.settle()
    hand.asked.shift()?.answer(answer)
  }
  await clock.settle()
  await clock.advance(3000)
  expect(hand.asked.map(({ what }) => what)).toEqual(['sync'])
})

/** Of two at once the later would take memory back to its snapshot when the first had led to a lease already. */
it('a generation is repaired once, though an append and a sync find it at the same time', async () => {
  const { hand, clock, step, log } = await joined()
  const appended = log.append(invalidate)
  void log.refresh()
  await clock.settle()
  hand.next('append').answer({ said: { is: 'other' }, first: undefined })
  await clock.settle()
  hand.next('sync').answer({ is: 'other' })
  await clock.settle()
  expect(hand.asked.map(({ what }) => what)).toEqual(['snapshot'])
  await step('snapshot', {
    generation: 'two',
    n: 0,
    dump: { leaseMs: 3000, longestMs: 3000, state: ['page'] },
  })
  await step('records', [])
  expect([log.generation, log.isFenced]).toEqual(['two', true])
  void appended.catch(() => undefined)
})

it('what was declared and is not known in a new generation is declared again, before there is a lease', async () => {
  const { clock, hand, step, log } = await joined()
  void log.refresh()
  await step('sync', { is: 'other' })
  await step('snapshot', { generation: 'two', n: 0, dump: { leaseMs: 3000, longestMs: 3000, state: [] } })
  await step('records', [])
  await clock.settle()
  const { args } = hand.next('append')
  const changes = (args[1] as { change: Change }[]).map(({ change }) => change)
  expect(changes).toEqual([{ kind: 'link', names: ['page'], dependsOn: ['d'] }])
  expect(log.isFenced).toBe(true)
})

it('records of a generation that began between two steps of reading are not applied to the one before', async () => {
  const { step, log, applied } = await joined()
  void log.refresh()
  await step('sync', { is: 'gap' })
  await step('snapshot', {
    generation: 'one',
    n: 1,
    dump: { leaseMs: 3000, longestMs: 3000, state: ['page'] },
  })
  await step('records', [told('two', 2, invalidate)])
  expect([log.generation, log.applied, applied.length]).toEqual(['one', 1, 1])
})

it('a soft record is given the time since this node last knew all, by no clock of another', async () => {
  const { clock, log, step, applied } = await joined()
  // Of a clock that is an hour ahead.
  const soft: Change = { kind: 'soft', names: ['row'], untilMs: clock.now() + 3_605_000 }
  const [first, second] = [2, 3].map((n) => ({ ...told('one', n, soft), atMs: clock.now() + 3_600_000 }))
  await clock.advance(400)
  void log.refresh()
  await step('sync', same('one', 3, [first as Told, second as Told]))
  expect(applied.slice(-2).map(({ leftMs }) => leftMs)).toEqual([4600, 4600])
  void log.refresh()
  await step('sync', { is: 'gap' })
  await step('snapshot', { generation: 'one', n: 1, dump: { leaseMs: 3000, longestMs: 3000, state: [] } })
  await step('records', [first])
  expect(applied.at(-1), 'nobody knows for how long it was there').toMatchObject({ n: 2, leftMs: -Infinity })
})

it('a soft record is given no time for which the machine slept', async () => {
  const { clock, log, step, applied } = await joined()
  const soft: Change = { kind: 'soft', names: ['row'], untilMs: clock.now() + 3_605_000 }
  const late = { ...told('one', 2, soft), atMs: clock.now() + 3_600_000 }
  // The monotonic clock stands still meanwhile.
  clock.step(3_600_000)
  void log.refresh()
  await step('sync', same('one', 2, [late]))
  expect(applied.at(-1)?.leftMs).toBeLessThan(0)
})

it('what is owed goes into the log without grace: for how long it waited is told by no clock', async () => {
  const { clock, hand, log } = await joined()
  const appended = log.append({ kind: 'soft', names: ['row'], untilMs: clock.now() + 5000 })
  await clock.settle()
  hand.next('append').fail(new Error('away'))
  await expect(appended).rejects.toMatchObject({ code: 'E_LOG_PENDING' })
  void log.refresh()
  await clock.settle()
  const { args } = hand.next('append')
  expect((args[1] as { change: Change }[]).map(({ change }) => change)).toEqual([invalidate])
})

it('what comes while a debt is being paid is owed, and what comes after that waits for it: the debt has an end', async () => {
  const { clock, hand, log, step } = await joined()
  const append = (name: string) => {
    const ended = log.append({ kind: 'invalidate', names: [name] })
    ended.catch(() => undefined)
    return ended
  }
  const namesIn = async () => {
    await clock.settle()
    const asked = hand.next('append')
    const changes = (asked.args[1] as { change: Change }[]).map(({ change }) => change.names[0])
    return { changes, ...asked }
  }
  const first = append('first')
  await clock.settle()
  hand.next('append').fail(new Error('away'))
  await expect(first).rejects.toMatchObject({ code: 'E_LOG_PENDING' })
  void log.refresh()
  const paying = await namesIn()
  await expect(append('second')).rejects.toMatchObject({ code: 'E_LOG_PENDING' })
  paying.answer({ said: same('one', 2), first: 2 })
  await step('sync', same('one', 2))
  void append('third')
  const next = await namesIn()
  expect([paying.changes, next.changes]).toEqual([['first'], ['second']])
  next.answer({ said: same('one', 3), first: 3 })
  await step('sync', same('one', 3))
  expect((await namesIn()).changes).toEqual(['third'])
})

it('what stands in the log and is not secured is owed until it is, and is not appended again and again', async () => {
  const { clock, hand, log, step } = await joined()
  const refused = (append: Promise<unknown>) =>
    expect(append).rejects.toMatchObject({ code: 'E_LOG_PENDING' })
  const ours = (n: number) => ({ ...told('one', n, invalidate), node: 'me' })
  hand.isSecure = false
  const first = refused(log.append(invalidate))
  await step('append', { said: same('one', 2, [ours(2)]), first: 2 })
  await first
  for (let i = 0; i < 3; i++) {
    void log.refresh()
    await step('sync', same('one', 2))
    expect([log.waiting, hand.asked]).toEqual([1, []])
  }
  await refused(log.append({ kind: 'invalidate', names: ['other'] }))
  hand.isSecure = true
  void log.refresh()
  await clock.settle()
  const { args, answer } = hand.next('append')
  expect((args[1] as { change: Change }[]).map(({ change }) => change.names)).toEqual([['other']])
  answer({ said: same('one', 3), first: 3 })
  await step('sync', same('one', 3, [ours(3)]))
  await step('sync', same('one', 3))
  expect([log.waiting, log.isFenced]).toEqual([0, false])
})

it('what is owed is appended once to each generation, however many end before it is secured', async () => {
  const { clock, hand, log } = await joined()
  hand.isSecure = false
  const refused = expect(log.append(invalidate)).rejects.toMatchObject({ code: 'E_LOG_PENDING' })
  await clock.settle()
  const sizes: number[] = []
  let [generation, n] = ['one', 1]
  const answers: Record<string, (args: readonly unknown[]) => unknown> = {
    sync: ([since]) => {
      return (since as { generation: string }).generation === generation
        ? same(generation, n)
        : { is: 'other' }
    },
    snapshot: () => snapshotOf(generation),
    records: () => [],
    append: ([, records]) => {
      const first = n + 1
      const all = (records as Omit<Told, 'n'>[]).map((record) => ({ ...record, n: ++n }))
      sizes.push(all.length)
      return { said: same(generation, n, all), first }
    },
  }
  for (const next of ['one', 'two', 'three', 'four', 'five', 'six']) {
    if (next !== generation) [generation, n] = [next, 0]
    if (next !== 'one') void log.refresh()
    await clock.settle()
    for (let asked = hand.asked.shift(); asked !== undefined; asked = hand.asked.shift()) {
      asked.answer(answers[asked.what]?.(asked.args))
      await clock.settle()
    }
  }
  await refused
  // It was applied, and came to be owed, in the first.
  expect(sizes).toEqual([1, 2, 2, 2, 2, 2])
})

it('what is in the log before it is kept for later was appended, and is not pending', async () => {
  let keep: (id: number) => void = () => undefined
  const dropped: number[] = []
  const kept = new Promise<number>((resolve) => (keep = resolve))
  const drop = async (ids: readonly number[]) => void dropped.push(...ids)
  const { clock, hand, log, step } = await joined(undefined, { kept: [], keep: () => kept, drop })
  const appended = log.append(invalidate)
  await clock.settle()
  hand.next('append').fail(new Error('cut'))
  await clock.settle()
  void log.refresh()
  await clock.settle()
  const { args, answer } = hand.next('append')
  const [record] = args[1] as [Omit<Told, 'n'>]
  answer({ said: same('one', 2, [{ ...record, n: 2 }]), first: 2 })
  await step('sync', same('one', 2))
  keep(1)
  expect(await appended).toEqual({ generation: 'one', n: 2 })
  expect(dropped).toEqual([1])
})

const snapshotOf = (generation: string) => {
  return { generation, n: 0, dump: { leaseMs: 3000, longestMs: 3000, state: ['page'] } }
}

describe('what this node appended to a generation that ended', () => {
  const intent: Change = { kind: 'intent', names: ['row'], by: 'me-1', untilMs: 1e9 }

  async function appended() {
    const all = await joined()
    const { hand, clock, log } = all
    const ended = log.append(intent)
    await clock.settle()
    const { args, answer } = hand.next('append')
    const [record] = args[1] as [Omit<Told, 'n'>]
    answer({ said: same('one', 2, [{ ...record, n: 2 }]), first: 2 })
    expect(await ended).toEqual({ generation: 'one', n: 2 })
    await clock.settle()
    void log.refresh()
    return all
  }

  const changesOf = async ({ hand, clock }: Pick<Awaited<ReturnType<typeof appended>>, 'hand' | 'clock'>) => {
    await clock.settle()
    const { args } = hand.next('append')
    return (args[1] as { change: Change }[]).map(({ change }) => change)
  }

  it('is appended again, whoever began the next', async () => {
    const { step, ...rest } = await appended()
    await step('sync', { is: 'lost' })
    // Another was faster.
    await step('snapshot', snapshotOf('two'))
    await step('records', [])
    await step('begin', undefined)
    await step('snapshot', snapshotOf('two'))
    await step('records', [])
    expect(await changesOf(rest)).toEqual([intent])
  })

  it('is appended again, though the next cannot be read at first', async () => {
    const { step, ...rest } = await appended()
    await step('sync', { is: 'other' })
    await step('snapshot', snapshotOf('two'))
    await rest.clock.settle()
    rest.hand.next('records').fail(new Error('cut'))
    await rest.clock.settle()
    await rest.clock.advance(2000)
    expect(await changesOf(rest)).toEqual([intent])
  })

  it('is appended again, though it was paid late and not applied here by then', async () => {
    const { step, log, ...rest } = await joined()
    const ended = log.append(invalidate)
    await rest.clock.settle()
    rest.hand.next('append').fail(new Error('cut'))
    await expect(ended).rejects.toMatchObject({ code: 'E_LOG_PENDING' })
    void log.refresh()
    await rest.clock.settle()
    rest.hand.next('append').answer({ said: { is: 'gap' }, first: 900 })
    await step('sync', { is: 'other' })
    await step('snapshot', snapshotOf('two'))
    await step('records', [])
    expect(await changesOf(rest)).toEqual([invalidate])
  })
})

/** A member whose server has failed so often that it waits for long. */
async function away(random: () => number) {
  const all = await joined(random)
  const { clock, hand, log } = all
  for (let failures = 0; failures < 6; failures++) {
    void log.refresh()
    await clock.settle()
    for (const { fail } of hand.asked.splice(0)) fail(new Error('away'))
    await clock.settle()
  }
  await clock.advance(1000)
  for (const { fail } of hand.asked.splice(0)) fail(new Error('away'))
  await clock.settle()
  return all
}

describe('a server that was away', () => {
  it.each([0.1, 0.5, 0.99])('is asked as soon as it is reached, spread by chance (%d)', async (chance) => {
    const { clock, hand, log, step } = await away(() => chance)
    hand.reached()
    await clock.advance(chance * 100 - 1)
    expect(hand.asked.length).toBe(0)
    await clock.advance(1)
    await step('sync', same('one', 1))
    expect(log.isFenced).toBe(false)
  })

  it('is asked again within a second though nobody says that it is reached', async () => {
    const { clock, hand } = await away(() => 0)
    await clock.advance(999)
    expect(hand.asked.length).toBe(0)
    await clock.advance(1)
    expect(hand.asked.length).toBe(1)
  })

  it('is not asked because it is reached if nothing has failed', async () => {
    const { clock, hand } = await joined()
    hand.reached()
    await clock.advance(100)
    expect(hand.asked.length).toBe(0)
  })

  it('and cannot be told that this node leaves, is reported', async () => {
    const { clock, errors, hand, log } = await joined()
    const closed = log.close()
    await clock.settle()
    hand.next('leave').fail(new Error('away'))
    await closed
    expect(errors).toEqual(['leaving the register of nodes'])
  })
})
