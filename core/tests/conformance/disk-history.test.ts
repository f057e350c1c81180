import { DiskPlace } from '../disk-pair.ts'
import { historySuite } from './history.ts'

historySuite('disk', async ({ clock, keepForMs, keepCount }) => {
  return new DiskPlace(clock).open({ keepFor: keepForMs, keepCount }).history
})
