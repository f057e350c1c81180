import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Job } from './contract.ts'
import { isLess, JobHeap, type Slot } from './job-heap.ts'

const step = fc.oneof(
  fc.record({ do: fc.constant('push' as const), rank: fc.nat(20) }),
  fc.record({ do: fc.constant('remove' as const), rank: fc.nat(1000) }),
  fc.record({ do: fc.constant('pop' as const), rank: fc.constant(0) }),
)

test('the first slot is the least, whatever was put in and taken out', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const heap = new JobHeap()
      const held: Slot[] = []
      for (const [seq, { do: action, rank }] of steps.entries()) {
        if (action === 'push') {
          const slot: Slot = { job: {} as Job, rank, seq, at: -1 }
          held.push(slot)
          heap.push(slot)
        } else if (held.length > 0) {
          const slot = action === 'pop' ? held[0] : held[rank % held.length]
          expect(slot !== undefined && heap.remove(slot)).toBe(true)
          held.splice(held.indexOf(slot as Slot), 1)
        }
        held.sort((one, other) => (isLess(one, other) ? -1 : 1))
        expect(heap.first).toBe(held[0])
      }
    }),
  )
})

test('a slot that is not in the heap is not taken out', () => {
  const heap = new JobHeap()
  const other = new JobHeap()
  const slot: Slot = { job: {} as Job, rank: 1, seq: 1, at: -1 }
  expect(heap.remove(slot)).toBe(false)
  other.push(slot)
  expect(heap.remove(slot)).toBe(false)
  expect(other.first).toBe(slot)
})
