import { MemoryQueue } from '../../src/invalidation/memory-queue.ts'
import { queueSuite } from './queue.ts'

queueSuite('memory', {
  open: async ({ sizeMax, agingMs }) => new MemoryQueue({ sizeMax, aging: agingMs }),
})
