import { join } from 'node:path'
import { InProcess } from '../../src/cache/in-process.ts'
import { disk } from '../../src/disk.ts'
import { logCases } from '../../src/testing.ts'
import { directory } from '../directories.ts'
import { sharedMap } from '../shared-map.ts'
import { suite } from './cases.ts'

const home = directory()

suite(
  'the log memory',
  logCases((parts) => new InProcess(parts)),
)
suite(
  'the log disk',
  logCases((parts, place) => disk({ path: join(home, place) }).open(parts), { outlives: true }),
)
suite(
  'the log map',
  logCases((parts, place) => sharedMap(place).open(parts), { outlives: true }),
)
