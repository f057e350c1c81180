import { Environment } from '../../src/disk/environment.ts'
import { DiskHistory } from '../../src/disk/history.ts'
import { directory } from '../directories.ts'
import { historySuite } from './history.ts'

historySuite('disk', async ({ clock, keepForMs, keepCount }) => {
  const environment = new Environment({ path: directory() })
  const nodes = { id: 'one', isGone: () => false }
  return new DiskHistory({
    environment,
    nodes,
    clock,
    keepFor: keepForMs,
    keepCount,
    onError: (error) => {
      throw error
    },
  })
})
