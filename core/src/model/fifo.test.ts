import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Fifo } from './fifo.ts'

it('gives what came first, whatever comes and goes', () => {
  const steps = fc.array(fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: -200, max: -1 })))
  fc.assert(
    fc.property(steps, (all) => {
      const [fifo, oracle] = [new Fifo<number>(), [] as number[]]
      let next = 0
      for (const step of all) {
        for (let i = 0; i < step; i++) {
          fifo.push(next)
          oracle.push(next++)
        }
        for (let i = 0; i > step; i--) expect([fifo.first, fifo.shift()]).toEqual([oracle[0], oracle.shift()])
      }
      fifo.clear()
      expect(fifo.shift()).toBeUndefined()
    }),
  )
})
