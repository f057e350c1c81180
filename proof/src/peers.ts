/**
 * The peers under the same faults: what each serves that was invalidated, as a Markdown table.
 *
 * Usage: npm run proof:peers -- [--only staleproof,bentocache]
 */
import { parseArgs } from 'node:util'
import { buildLibrary } from './build.ts'
import { peers } from './peers/open.ts'
import { runTrial, trials } from './peers/trials.ts'

const { values } = parseArgs({ options: { only: { type: 'string' } } })
const names = values.only?.split(',') ?? Object.keys(peers)

await buildLibrary()
console.log(`| stale of 100 | ${Object.keys(trials).join(' | ')} |`)
console.log(
  `|---|${Object.keys(trials)
    .map(() => '---|')
    .join('')}`,
)
/** Side by side, since most of the time they wait. */
const rows = await Promise.all(
  names.map(async (name) => {
    const cells: string[] = []
    for (const trial of Object.values(trials)) cells.push(await runTrial(name, trial))
    return `| ${name} | ${cells.join(' | ')} |`
  }),
)
console.log(rows.join('\n'))
