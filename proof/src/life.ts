/**
 * One life of a process under proof: opens the directory, checks that all that was acknowledged in earlier lives holds,
 * works, and ends: by itself, by its own hand at a boundary, or by that of whoever started it.
 *
 * Usage: node life.js '{"library": ..., "path": ..., ...}' (LifeOptions); it says in its journal how it goes.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { watch } from './boundaries.ts'
import { DurableCopy } from './crash/durable-copy.ts'
import { Journal, type Line, readJournals } from './crash/journal.ts'
import { Reckoning } from './crash/reckoning.ts'
import { Dice, shape } from './crash/roles.ts'
import { SharedTruth } from './crash/shared-truth.ts'
import { Work } from './crash/work.ts'
import { openLibrary, type Cache } from './library.ts'

export interface LifeOptions {
  /** Folder of the library's copy. */
  readonly library: string
  /** The directory under proof. */
  readonly path: string
  /** Truth, journals and whatever else must outlive the directory. */
  readonly records: string
  readonly name: string
  readonly seed: number
  readonly slot: number
  readonly slots: number
  readonly steps: number
  readonly maxBytes: number
  /** Ends itself at that boundary. */
  readonly dieAt?: number
  /** Keeps a copy of what is flushed. */
  readonly isPowerLost?: boolean
  /** Waits until all that is owed is done, and holds everything against it. Nobody else has the directory open. */
  readonly isLast?: boolean
  /** Only opens the directory, looks at all that is there, and closes it, again and again, until it is killed. */
  readonly isPassing?: boolean
}

const options = JSON.parse(process.argv[2] as string) as LifeOptions
const { records, path, slot, slots } = options
const journals = join(records, 'journals')
const before: readonly Line[] = readJournals(journals)
const journal = new Journal(
  join(journals, `${String(readdirSync(journals).length).padStart(5, '0')}-${options.name}`),
)
const copy = options.isPowerLost === true ? new DurableCopy(path, records) : undefined
let boundaries = 0

watch({
  at: (what) => {
    boundaries++
    if (boundaries !== options.dieAt) return
    journal.say({ say: 'dies', boundary: boundaries, what })
    process.kill(process.pid, 'SIGKILL')
  },
  ...(copy === undefined ? {} : { flushing: () => copy.flushing() }),
})

const truth = new SharedTruth(join(records, 'truth'), shape(slots))
const dice = new Dice(options.seed)
if (options.isPassing === true) await pass()
else await live()

async function live(): Promise<void> {
  const cache = await open()
  const work = new Work({ cache, truth, journal, slot, slots, dice })
  const reckoning = new Reckoning({ cache, truth, journal, work, before, isPowerLost: copy !== undefined })
  await work.check()
  await reckoning.check()
  ready(work.reads)
  if (options.isLast === true) await reckoning.final()
  else await work.run(options.steps)
  await cache.close()
  journal.say({ say: 'end', boundaries, reads: work.reads, found: work.found })
}

async function pass(): Promise<never> {
  for (let passed = 0; ; passed++) {
    const cache = await open()
    const work = new Work({ cache, truth, journal, slot, slots, dice })
    await work.check()
    await cache.close()
    if (passed === 0) ready(work.reads)
  }
}

function ready(verified: number): void {
  journal.say({ say: 'ready', verified })
  process.stdout.write('ready\n')
}

async function open(): Promise<Cache> {
  const { createCache, disk } = await openLibrary(options.library)
  const opened = createCache({
    disk: disk({ path, maxBytes: options.maxBytes }),
    memory: options.seed % 4 === 0 ? false : { maxEntries: options.seed % 3 === 0 ? 4 : 1000 },
    strategies: {
      background: { interval: '40ms' },
      scheduled: { interval: '90ms' },
      lazy: { sweepEvery: '300ms' },
    },
  }) as unknown as Cache
  opened.on('error', ({ error, during }) => journal.say({ say: 'told', text: `${during}: ${String(error)}` }))
  return opened
}
