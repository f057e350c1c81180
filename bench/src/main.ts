/**
 * The benchmarks: what Staleproof costs, beside what one would write by hand and beside its peers, in one run.
 *
 * Usage: npm run bench -- --help
 *
 * A missed target is printed as such and does not fail the command: the machine may be busy with other things.
 */
import { spawn } from 'node:child_process'
import { cpus, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { hitsInChild, inChild } from './child.ts'
import { measureDisk } from './disk.ts'
import { measureEviction } from './eviction.ts'
import { printed, type Report, type Row } from './figures.ts'
import { canHold, dependencyCounts, holders } from './heap.ts'
import { measureHits } from './hits.ts'
import { measureInvalidation } from './invalidation.ts'
import { measureRedis } from './redis.ts'

interface Topic {
  readonly what: string
  run(rounds: (full: number) => number): Promise<Report>
}

const topics: Record<string, Topic> = {
  hits: {
    what: 'a hit in memory, awaited and at once, with tracking off and on',
    run: (rounds) => measureHits(rounds(60), hitsInChild),
  },
  invalidation: {
    what: 'a name with 1,000 to 100,000 dependents: the call, and how long it keeps the event loop',
    run: (rounds) =>
      measureInvalidation((name) => inChild({ measure: 'invalidation', name, rounds: rounds(7) })),
  },
  churn: {
    what: 'reads under 1,000 invalidations a second, for several values of dropAtOnce',
    run: (rounds) => inChild({ measure: 'churn', rounds: rounds(9) }),
  },
  stampede: {
    what: 'a cold key: one caller, and 1,000 at once',
    run: (rounds) => inChild({ measure: 'stampede', rounds: rounds(30) }),
  },
  eviction: {
    what: 'the memory tier beside lru-cache: hits on made traces, get, look, put, heap',
    run: (rounds) => measureEviction(rounds(40)),
  },
  heap: { what: 'heap per entry with 0, 1 and 5 dependencies', run: measureHeaps },
  disk: {
    what: 'a hit on disk, durable invalidations, two processes on one directory, a million entries',
    run: measureDisk,
  },
  redis: {
    what: 'the shared tier and the log on Redis, beside bare clients: reads, strict, propagation, taking out 100,000',
    run: measureRedis,
  },
  graph: { what: 'memory of an edge, and the ordered cascade beside a bare search', run: measureGraph },
}

async function measureHeaps(): Promise<Report> {
  const rows: Row[] = []
  for (const name of Object.keys(holders)) {
    const figures: Record<string, Row['figures'][string]> = {}
    for (const dependencies of dependencyCounts.filter((count) => canHold(name, count))) {
      const { tables } = await inChild({ measure: 'heap', name, rounds: 1, dependencies })
      Object.assign(figures, tables[0]?.rows[0]?.figures)
    }
    rows.push({ name, figures })
  }
  const title = 'Heap per entry of 100 B, key and value included, 100,000 entries'
  return { tables: [{ title, rows }], targets: [] }
}

/** It prints for itself. */
function measureGraph(): Promise<Report> {
  const graph = fileURLToPath(new URL('graph.js', import.meta.url))
  const stdio = ['ignore', isJson ? 2 : 'inherit', 'inherit'] as const
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--expose-gc', graph], { stdio: [...stdio] })
    child.on('error', reject)
    child.on('exit', (code) => {
      if (code === 0) resolve({ tables: [], targets: [] })
      else reject(new Error(`the graph's benchmark ended with code ${String(code)}`))
    })
  })
}

const machine = {
  processor: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryGb: Math.round(totalmem() / 2 ** 30),
  node: process.version,
}

async function main(asked: readonly string[], quick: boolean): Promise<void> {
  if (!isJson) {
    const { processor, cores, memoryGb, node } = machine
    console.log(`${processor}, ${cores} cores, ${memoryGb} GB, Node ${node}`)
    console.log('median (the middle 80 % of the rounds); ratios are taken round by round')
  }
  const reports: Record<string, Report> = {}
  for (const name of asked) {
    if (!isJson) console.log(`\n# ${name}: ${(topics[name] as Topic).what}`)
    const report = await (topics[name] as Topic).run((full) =>
      quick ? Math.max(3, Math.round(full / 6)) : full,
    )
    reports[name] = report
    if (!isJson) console.log(printed(report))
  }
  if (isJson) console.log(JSON.stringify({ machine, reports }, undefined, 2))
}

const usage = `Usage: npm run bench -- [topics...] [--quick] [--json]      (no topic: all of them)

  --quick  fewer rounds
  --json   for programs

Topics:
${Object.entries(topics)
  .map(([name, { what }]) => `  ${name.padEnd(14)}${what}`)
  .join('\n')}`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { help: { type: 'boolean' }, json: { type: 'boolean' }, quick: { type: 'boolean' } },
})
const isJson = values.json === true
const unknown = positionals.filter((name) => !Object.hasOwn(topics, name))
if (unknown.length > 0) {
  console.error(`no topic ${unknown.join(', ')}; there are ${Object.keys(topics).join(', ')}`)
  process.exitCode = 1
} else if (values.help === true) {
  console.log(usage)
} else {
  await main(positionals.length > 0 ? positionals : Object.keys(topics), values.quick === true)
}
