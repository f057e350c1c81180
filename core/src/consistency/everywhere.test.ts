import { expect, it } from 'vitest'
import { TestClock } from '../../tests/clock.ts'
import type { LogServer, NodeAck } from './contract.ts'
import { everywhere } from './everywhere.ts'

const outlastMs = 3050

/** A register that the test writes; what is forgotten is gone if it says the same by then. */
function waiting(register: NodeAck[], hint = new Promise<void>(() => {})) {
  const clock = new TestClock()
  const server = {
    nodes: async () => ({ said: 0, nodes: register.map((ack) => ({ ...ack })) }),
    acknowledged: () => hint,
    forget: async (_generation: string, nodes: readonly NodeAck[]) => {
      for (const { id, said } of nodes) {
        const place = register.findIndex((ack) => ack.id === id && ack.said === said)
        if (place >= 0) register.splice(place, 1)
      }
    },
  } as unknown as LogServer
  const done = everywhere(
    { generation: 'g', n: 5 },
    {
      ...{ server, clock, outlastMs, random: () => 0, id: 'me' },
      generation: () => 'g',
      isSettled: () => true,
      onError: () => undefined,
    },
  )
  return { clock, done }
}

it('who was silent for a lease is not waited for any more', async () => {
  const register: NodeAck[] = [{ id: 'dead', name: 'dead', acked: 4, said: 1 }]
  const { clock, done } = waiting(register)
  await clock.advance(outlastMs + 100)
  expect((await done)?.[0]?.status).toBe('outlasted')
  expect(register).toEqual([])
})

/** Found by the simulation, seed 6457: a node on a slow link got a new lease, was forgotten, and served what the next call ended. */
it('who has spoken meanwhile stays in the register, though it acknowledged nothing new: it may have a new lease', async () => {
  const register: NodeAck[] = [{ id: 'slow', name: 'slow', acked: 4, said: 1 }]
  const { clock, done } = waiting(register)
  await clock.advance(outlastMs - 200)
  register[0] = { id: 'slow', name: 'slow', acked: 4, said: 2 }
  await clock.advance(300)
  expect((await done)?.[0]?.status).toBe('outlasted')
  expect(register.map(({ id }) => id)).toEqual(['slow'])
})

it('is told of an acknowledgement by a hint, and looks by itself if it does not come', async () => {
  for (const isTold of [true, false]) {
    const register: NodeAck[] = [{ id: 'other', name: 'other', acked: 4, said: 1 }]
    let hint = () => {}
    const { clock, done } = waiting(register, new Promise((resolve) => (hint = resolve)))
    await clock.settle()
    register[0] = { id: 'other', name: 'other', acked: 5, said: 2 }
    if (isTold) hint()
    else await clock.advance(10)
    expect((await done)?.[0]?.status).toBe('acknowledged')
    expect(clock.waiting).toBe(0)
  }
})
