/**
 * One measurement in a process of its own: neither its garbage nor what V8 learned there touches the next.
 */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { measureChurn } from './churn.ts'
import type { Report } from './figures.ts'
import { measureHeap } from './heap.ts'
import { measureHits } from './hits.ts'
import { measureInvalidation } from './invalidation.ts'
import { measureStampede } from './stampede.ts'

/** name -> what is done in the child; `how` is told by the topic. */
const measures = {
  hits: ({ how, rounds }: Job) => measureHits(how, rounds),
  invalidation: ({ rounds }: Job) => measureInvalidation(rounds),
  churn: ({ rounds }: Job) => measureChurn(rounds),
  stampede: ({ rounds }: Job) => measureStampede(rounds),
  heap: ({ how, dependencies = 0 }: Job) => measureHeap(how, dependencies),
}

export interface Job {
  readonly measure: keyof typeof measures
  readonly how: string
  readonly rounds: number
  readonly dependencies?: number
}

const self = fileURLToPath(import.meta.url)

export function inChild(job: Job): Promise<Report> {
  return new Promise((resolve, reject) => {
    let report: Report | undefined
    const child = fork(self, [JSON.stringify(job)], {
      execArgv: ['--expose-gc', '--max-old-space-size=4096'],
    })
    child.on('message', (message) => (report = message as Report))
    child.on('error', reject)
    child.on('exit', (code) => {
      if (code === 0 && report !== undefined) resolve(report)
      else reject(new Error(`measuring ${job.measure} (${job.how}) ended with code ${String(code)}`))
    })
  })
}

if (process.argv[1] === self) {
  const job = JSON.parse(process.argv[2] as string) as Job
  const report = await measures[job.measure](job)
  process.send?.(report, () => process.exit(0))
}
