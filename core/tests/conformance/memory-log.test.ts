import { randomUUID } from 'node:crypto'
import { MemoryLog } from '../../src/log/memory.ts'
import { TestClock } from '../clock.ts'
import { logSuite } from './log.ts'

logSuite('memory', {
  open: (apply) => new MemoryLog({ apply, clock: new TestClock(), generation: randomUUID() }),
})
