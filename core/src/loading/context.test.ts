import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { currentFlight, innermostFlight, runWithin } from './context.ts'
import { Flight } from './flight.ts'

const owner = {}

/** Resources that any walk may enter again, whoever made them. */
const kept: AsyncResource[] = []

type Go = () => void

/** Ways from one piece of code to the next. */
const hops = {
  none: (go: Go) => go(),
  promise: (go: Go) => void Promise.resolve().then(go),
  await: async (go: Go) => {
    await Promise.resolve()
    await Promise.resolve()
    go()
  },
  thenable: async (go: Go) => {
    // oxlint-disable-next-line unicorn/no-thenable
    await { then: (resolve: Go) => resolve() }
    go()
  },
  microtask: (go: Go) => queueMicrotask(go),
  tick: (go: Go) => process.nextTick(go),
  immediate: (go: Go) => void setImmediate(go),
  timeout: (go: Go) => void setTimeout(go, 0),
  interval: (go: Go) => {
    const interval = setInterval(() => {
      clearInterval(interval)
      go()
    }, 0)
  },
  bound: (go: Go) => void setImmediate(AsyncResource.bind(go)),
  keep: (go: Go) => {
    kept.push(new AsyncResource('kept'))
    go()
  },
  enterKept: (go: Go) => {
    const resource = kept[kept.length >> 1]
    if (resource === undefined) go()
    else resource.runInAsyncScope(go)
  },
}

const step = fc.record({
  hop: fc.constantFrom(...(Object.keys(hops) as (keyof typeof hops)[])),
  into: fc.constantFrom('same', 'same', 'load', 'untracked'),
})
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

/** The oracle: a storage that is asked each time. */
const told = new AsyncLocalStorage<Flight | undefined>()

/** Walks along the steps, and asks wherever it comes by. @returns where the answer was wrong */
function walk(steps: readonly Step[]): Promise<string[]> {
  const wrong: string[] = []
  const ask = (where: string) => {
    if (currentFlight(owner) !== told.getStore() || innermostFlight() !== told.getStore()) wrong.push(where)
  }
  return new Promise((resolve) => {
    const from = (at: number) => {
      const next = steps[at]
      if (next === undefined) setImmediate(() => resolve(wrong))
      else
        void hops[next.hop](() => {
          ask(`${at}: after ${next.hop}`)
          enter(next.into, () => {
            ask(`${at}: in ${next.into}`)
            from(at + 1)
            ask(`${at}: left in ${next.into}`)
          })
          ask(`${at}: after ${next.into}`)
        })
    }
    from(0)
  })
}

function enter(into: string, go: Go): void {
  if (into === 'same') return go()
  const flight =
    into === 'load'
      ? new Flight({ key: 'a', stamp: 0, generation: 'g', owner, parent: innermostFlight() })
      : undefined
  told.run(flight, () => runWithin(flight, go))
}

it('answers as a storage that is asked each time, however one comes there', async () => {
  const walks = fc.array(fc.array(step, { minLength: 5, maxLength: 30 }), { minLength: 1, maxLength: 5 })
  await fc.assert(
    fc.asyncProperty(walks, async (all) => {
      kept.length = 0
      expect((await Promise.all(all.map(walk))).flat()).toEqual([])
    }),
    { numRuns: 200 },
  )
})
