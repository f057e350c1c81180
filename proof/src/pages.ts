/**
 * Spoils every page of a directory that was worked on, one at a time, or cuts its file at every one of its last bytes, and
 * has processes work on each copy: it is put aside, or works, after three that were ended at most, and nothing stale is
 * served.
 *
 * Usage: npm run proof:pages -- [--how garbage,zeros,another page | --cut 4096] [--seed N] [--steps 400]
 *
 * Exits with 1 if a directory ends a process for the fourth time, or anything was stale.
 */
import { parseArgs } from 'node:util'
import { buildLibrary } from './build.ts'
import { cut, type PageDamage, pageDamage, pagesOf, spoiled, type Spoiling, worked } from './crash/damage.ts'
import { Stable } from './mutants.ts'

const { values } = parseArgs({
  options: {
    how: { type: 'string', default: 'garbage,zeros' },
    cut: { type: 'string' },
    seed: { type: 'string', default: '20261122' },
    steps: { type: 'string', default: '400' },
  },
})
await buildLibrary()
const library = new Stable('pages').original
const from = await worked(library, Number(values.seed), Number(values.steps))
const began = Date.now()
const todo = values.cut === undefined ? pages() : cuts(Number(values.cut))
const total = todo.length
const faults: string[] = []
/** Ends of processes on one directory -> how many directories. */
const crashes = new Map<number, number>()
let reported = 0
await Promise.all([work(), work()])
from.remove()
const ends = [...crashes].toSorted(([a], [b]) => a - b).map(([times, of]) => `${times}: ${of}`)
const seconds = Math.round((Date.now() - began) / 1000)
console.log(`\n${total} directories; processes ended by one: ${ends.join(', ')}; ${reported} told of it`)
console.log(`${faults.length} at fault, ${seconds} s`)
process.exitCode = faults.length === 0 ? 0 : 1

interface Todo {
  readonly name: string
  readonly spoil: Spoiling['spoil']
  readonly lives: number
}

function pages(): Todo[] {
  const hows = values.how.split(',') as PageDamage[]
  return hows.flatMap((how) =>
    pagesOf(from).map((page) => {
      return { name: `page ${page}, ${how}`, spoil: pageDamage(how, page), lives: 3 }
    }),
  )
}

function cuts(bytes: number): Todo[] {
  return Array.from({ length: bytes }, (_, i) => {
    return { name: `cut by ${i + 1}`, spoil: cut(i + 1), lives: 1 }
  })
}

async function work(): Promise<void> {
  for (let next = todo.shift(); next !== undefined; next = todo.shift()) {
    const one = await spoiled(library, { from, ...next })
    crashes.set(one.crashes, 1 + (crashes.get(one.crashes) ?? 0))
    if (one.isReported) reported++
    const wrong = [...new Set(one.faults)].map((fault) => `${next?.name}: ${fault}`)
    faults.push(...wrong)
    for (const text of wrong) console.log(text)
  }
}
