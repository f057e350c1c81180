import { type DiskPair, DiskPlace } from '../disk-pair.ts'
import { queueSuite } from './queue.ts'
import type { Pair, QueueLimits } from './queue-jobs.ts'

const places = new WeakMap<Pair, { readonly place: DiskPlace; readonly limits: QueueLimits }>()

function handle(place: DiskPlace, limits: QueueLimits): DiskPair {
  const { sizeMax, agingMs: aging } = limits
  const pair = place.open({ sizeMax, aging })
  places.set(pair, { place, limits })
  return pair
}

function placeOf(pair: Pair) {
  const found = places.get(pair)
  if (found === undefined) throw new Error('it was not opened here')
  return found
}

queueSuite('disk', {
  open: async (limits) => handle(new DiskPlace(), limits),
  sharing: {
    share: async (first) => {
      const { place, limits } = placeOf(first)
      return handle(place, limits)
    },
    kill: async (pair) => placeOf(pair).place.kill(pair as DiskPair),
  },
})
