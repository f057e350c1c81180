import { describe, expect, it } from 'vitest'
import { TestClock } from '../../tests/clock.ts'
import type { Since } from '../consistency/contract.ts'
import type { Driver, Reply } from './driver.ts'
import { Watch } from './watch.ts'

const log = (n: number) => [[Buffer.from('{p}:log'), [[Buffer.from(`${n}-0`), []]]]]

/** A server that gives what it is told to give, one answer after another, then nothing for ever. */
function world(answers: (Reply | Error)[], takes: boolean) {
  const clock = new TestClock()
  const asked: unknown[] = []
  const told: [Reply, string][] = []
  let since: Since = { generation: 'g', applied: 3, witness: '' }
  const wait = async (_: number, ...command: unknown[]): Promise<Reply> => {
    asked.push(command.at(-1))
    const answer = answers.shift()
    if (answer instanceof Error) throw answer
    return answer === undefined ? new Promise<never>(() => undefined) : answer
  }
  const watch = new Watch({ prefix: '{p}', wait } as unknown as Driver, {
    clock,
    since: () => since,
    onNews: (records, generation) => {
      told.push([records, generation])
      if (takes) since = { ...since, applied: since.applied + 1 }
    },
  })
  watch.begin()
  return { clock, asked, told, watch }
}

describe('the watch', () => {
  it('asks for what comes after, and tells it with the generation that it is of', async () => {
    const { clock, asked, told } = world([log(4), null, log(5)], true)
    await clock.settle()
    expect(asked).toEqual(['3-0', '4-0', '4-0', '5-0'])
    expect(told).toEqual([
      [[[Buffer.from('4-0'), []]], 'g'],
      [[[Buffer.from('5-0'), []]], 'g'],
    ])
  })

  it.each([
    ['a server that is away', new Error('away')],
    ['news that the node cannot take', log(9)],
  ])('rests after %s, and goes on', async (_, answer) => {
    const { clock, asked } = world([answer, answer], false)
    await clock.settle()
    expect(asked.length).toBe(1)
    await clock.advance(100)
    expect(asked.length).toBe(2)
    await clock.advance(100)
    expect(asked.length).toBe(3)
  })

  it('tells nothing once it is closed', async () => {
    const { clock, asked, told, watch } = world([log(4), log(5)], true)
    await watch.close()
    await clock.settle()
    expect([asked.length, told.length]).toEqual([1, 0])
    expect(clock.waiting).toBe(0)
  })
})
