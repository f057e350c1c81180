/**
 * Processes: a measurement in one of its own, so that neither its garbage nor what V8 learned there touches the
 * next; and contenders that live in one each and run a block when they are told to.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { measureChurn } from './churn.ts'
import type { Report } from './figures.ts'
import { measureHeap } from './heap.ts'
import { openHits, type Opened } from './hits.ts'
import { invalidateAll } from './invalidation.ts'
import { processorTimeOf } from './rounds.ts'
import { measureStampede } from './stampede.ts'

const measures = {
  invalidation: ({ name = '', rounds }: Job) => invalidateAll(name, rounds),
  churn: ({ rounds }: Job) => measureChurn(rounds),
  stampede: ({ rounds }: Job) => measureStampede(rounds),
  heap: ({ name = '', dependencies = 0 }: Job) => measureHeap(name, dependencies),
}

interface Job {
  readonly measure: keyof typeof measures
  readonly rounds: number
  readonly name?: string
  readonly dependencies?: number
}

/** A contender's life: it answers every number of operations with the ms that they took. */
interface Stay {
  readonly hits: string
  readonly mode: string
}

const self = fileURLToPath(import.meta.url)

export async function inChild<T = Report>(job: Job): Promise<T> {
  const child = start(job)
  return (await answerOf(child)) as T
}

export function hitsInChild(name: string, mode: string): Opened {
  const child = start({ hits: name, mode })
  return {
    name,
    block: async (operations) => {
      const answer = answerOf(child)
      child.send(operations)
      return (await answer) as number
    },
    close: () => child.kill(),
  }
}

function start(what: Job | Stay): ChildProcess {
  return fork(self, [JSON.stringify(what)], { execArgv: ['--expose-gc', '--max-old-space-size=4096'] })
}

function answerOf(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null) => reject(new Error(`a measurement ended with code ${String(code)}`))
    child.once('exit', ended)
    child.once('message', (answer) => {
      child.off('exit', ended)
      resolve(answer)
    })
  })
}

async function stay({ hits, mode }: Stay): Promise<void> {
  const contender = await openHits(hits, mode)
  process.on('message', (operations) => {
    void processorTimeOf(() => contender.run(operations as number)).then((ms) => process.send?.(ms))
  })
}

if (process.argv[1] === self) {
  const what = JSON.parse(process.argv[2] as string) as Job | Stay
  if ('hits' in what) await stay(what)
  else process.send?.(await measures[what.measure](what), () => process.exit(0))
}
