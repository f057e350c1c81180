import { MemoryHistory } from '../../src/invalidation/memory-history.ts'
import { historySuite } from './history.ts'

historySuite('memory', async ({ clock, keepForMs, keepCount }) => {
  return new MemoryHistory({ clock, keepFor: keepForMs, keepCount })
})
