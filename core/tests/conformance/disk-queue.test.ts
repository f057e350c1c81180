import { Environment } from '../../src/disk/environment.ts'
import { DiskHistory } from '../../src/disk/history.ts'
import { DiskQueue } from '../../src/disk/queue.ts'
import { TestClock } from '../clock.ts'
import { directory } from '../directories.ts'
import { type Pair, type QueueLimits, queueSuite } from './queue.ts'

interface Place {
  readonly environment: Environment
  readonly limits: QueueLimits
  /** Ids of those that are there; the next is one more. */
  readonly alive: Set<string>
}

const places = new WeakMap<Pair, Place & { readonly id: string }>()

function handle({ environment, limits, alive }: Place): Pair {
  const id = `node${alive.size}`
  alive.add(id)
  const options = {
    environment,
    nodes: { id, isGone: (other: string) => !alive.has(other) },
    clock: new TestClock(0),
    onError: (error: unknown) => {
      throw error
    },
  }
  const history = new DiskHistory({ ...options, keepFor: '365d' })
  const { sizeMax, agingMs: aging } = limits
  const pair = { history, queue: new DiskQueue({ ...options, history, sizeMax, aging }) }
  places.set(pair, { environment, limits, alive, id })
  return pair
}

queueSuite('disk', {
  open: async (limits) =>
    handle({ environment: new Environment({ path: directory() }), limits, alive: new Set() }),
  sharing: {
    share: async (first) => handle(placeOf(first)),
    kill: async (pair) => {
      const { alive, id } = placeOf(pair)
      alive.delete(id)
      alive.add(`${id} is gone`)
    },
  },
})

function placeOf(pair: Pair) {
  const place = places.get(pair)
  if (place === undefined) throw new Error('it was not opened here')
  return place
}
