import { join } from 'node:path'
import { afterAll } from 'vitest'
import { startRedis } from 'staleproof-testbed'
import { InProcess } from '../../src/cache/in-process.ts'
import { disk } from '../../src/disk.ts'
import { logCases } from '../../src/testing.ts'
import { directory } from '../directories.ts'
import { openRedisLog } from '../redis-member.ts'
import { sharedMap } from '../shared-map.ts'
import { suite } from './cases.ts'

const home = directory()
const redis = await startRedis()
afterAll(() => redis.stop())

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
suite(
  'the log redis',
  logCases((parts, place) => openRedisLog(redis.url, parts, place), { outlives: true }),
)
