import { expect, it } from 'vitest'
import { TestClock } from '../../tests/clock.ts'
import { HandServer } from '../../tests/hand-server.ts'
import type { Change, LogRecord } from '../log/contract.ts'
import type { Told } from './contract.ts'
import { Member } from './member.ts'

function member() {
  const hand = new HandServer()
  const clock = new TestClock()
  const applied: LogRecord[] = []
  const declared: string[] = []
  const log = new Member({
    ...{ server: hand.server, clock, random: () => 0, id: 'me', nodeName: 'me', leaseMs: 3000 },
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
    onError: () => undefined,
    onNode: () => undefined,
    onWritten: () => undefined,
  })
  return { hand, clock, applied, log }
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
async function joined() {
  const all = member()
  const { hand, clock } = all
  const step = async (what: string, answer: unknown) => {
    await clock.settle()
    hand.next(what).answer(answer)
    await clock.settle()
  }
  await step('sync', { is: 'other' })
  await step('snapshot', { generation: 'one', n: 0, dump: [] })
  await step('records', [told('one', 1, link)])
  await step('records', [])
  await step('sync', same('one', 1))
  expect([all.log.generation, all.log.applied, all.log.isFenced]).toEqual(['one', 1, false])
  return { ...all, step }
}

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
  await step('snapshot', { generation: 'two', n: 0, dump: ['page'] })
  await step('records', [])
  expect([log.generation, log.isFenced]).toEqual(['two', true])
  void appended.catch(() => undefined)
})

it('what was declared and is not known in a new generation is declared again, before there is a lease', async () => {
  const { clock, hand, step, log } = await joined()
  void log.refresh()
  await step('sync', { is: 'other' })
  await step('snapshot', { generation: 'two', n: 0, dump: [] })
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
  await step('snapshot', { generation: 'one', n: 1, dump: ['page'] })
  await step('records', [told('two', 2, invalidate)])
  expect([log.generation, log.applied, applied.length]).toEqual(['one', 1, 1])
})
