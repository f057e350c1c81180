/** Looks at a data directory, whether a daemon runs or not, and repairs it. */
import { Option, type Command } from 'commander'
import type { Inspection, Repaired } from 'staleproof/disk'
import { inputs } from '../config/inputs.ts'
import { loadConfig } from '../config/load.ts'
import { configOption, givenBy } from './config-options.ts'
import { exitCodes, Failure } from './failure.ts'
import { bytes, plural, safe, table } from './layout.ts'
import type { Colors, Terminal } from './terminal.ts'

interface Report extends Inspection {
  /** What was repaired before; null if nothing was to be. */
  readonly repaired: Repaired | null
}

export function addDoctor(program: Command, terminal: Terminal): void {
  const data = inputs.find(({ path }) => path[0] === 'data')
  program
    .command('doctor')
    .summary('look at the data directory, and repair it')
    .description(
      'Looks at every row and file of the data directory, beside a daemon that runs or without one. Ends with 1 if ' +
        'something is wrong, and with 2 if it could not be looked at.',
    )
    .addOption(configOption())
    .addOption(new Option('--data <folder>', `the directory [${data?.env}]`))
    .option('--repair', 'bring in order what can be; no daemon may run')
    .addHelpText('after', '\nExample:\n  staleproof doctor --data /var/lib/staleproof')
    .action(async (options: Record<string, unknown>) => {
      const path = directoryBy(options)
      const report = await examine(path, options.repair === true, terminal)
      terminal.show({ value: report, raw: report }, reportText)
      if (report.problems.length > 0) throw new Failure(exitCodes.failed, advice(report))
    })
}

function directoryBy(options: Readonly<Record<string, unknown>>): string {
  const given = typeof options.data === 'string' ? [options.data] : undefined
  const { data } = loadConfig(givenBy({ config: options.config, data: given })).config
  if (data !== false) return data
  throw new Failure(
    exitCodes.usage,
    'the configuration keeps everything in memory; give a directory with --data',
  )
}

async function examine(path: string, repairs: boolean, terminal: Terminal): Promise<Report> {
  // Loaded here: no other command needs a database, and each would start later for it.
  const { inspect, repair } = await import('staleproof/disk')
  const options = { onProgress: progressOn(terminal) }
  const repaired = repairs ? await repair(path, options) : null
  return { ...(await inspect(path, options)), repaired }
}

/** Tells what is being done on a terminal, where it is in nobody's way. */
function progressOn(terminal: Terminal): ((doing: string, done: number) => void) | undefined {
  const { colors, isTty, json } = terminal
  if (json || !isTty) return undefined
  return (doing, done) => terminal.note(colors.dim(done === 0 ? `${doing} ...` : `${doing}: ${done} ...`))
}

function advice({ problems, nodes, repaired }: Report): string {
  const count = plural(problems.length, 'problem')
  if (repaired !== null) return `${count} left; what is left cannot be repaired here`
  const stop = nodes.some(({ lives }) => lives) ? 'stop the daemon, and then ' : ''
  return `${count}; ${stop}staleproof doctor --repair brings in order what can be`
}

export function reportText(report: Report, colors: Colors): string {
  const { directory, problems, repaired } = report
  const verdict =
    problems.length === 0 ? colors.green('in order') : colors.red(plural(problems.length, 'problem'))
  return [
    ...repairLines(repaired, colors),
    `${safe(directory)}: ${verdict}`,
    table(factsOf(report).map(([name, text]) => [`  ${colors.dim(name)}`, text])),
    ...problems.flatMap(({ message, count, examples }) => [
      `${colors.red('problem')} ${message}${count === 1 ? '' : ` (${count})`}`,
      ...examples.map((example) => `  ${safe(example)}`),
      ...(count > examples.length && examples.length > 1 ? ['  ...'] : []),
    ]),
  ].join('\n')
}

function repairLines(repaired: Repaired | null, colors: Colors): string[] {
  if (repaired === null) return []
  const { done, lost } = repaired
  if (done.length + lost.length === 0) return ['nothing was to be repaired']
  return [
    ...done.map((text) => `${colors.green('done')} ${safe(text)}`),
    ...lost.map((text) => `${colors.yellow('lost')} ${safe(text)}`),
  ]
}

function factsOf({ format, nodes, freeBytes, tier, records, asides, rowsAside }: Report): [string, string][] {
  const living = nodes.filter(({ lives }) => lives)
  const dead = nodes.length - living.length
  const open = living.map(({ id, pid }) => (pid === null ? id : `process ${pid}`)).join(', ')
  const facts: [string, string][] = [
    ['format', String(format)],
    ['open', `${open || 'nobody'}${dead === 0 ? '' : `, and ${dead} that ended without leaving`}`],
    ['free', bytes(freeBytes)],
  ]
  if (tier !== null) {
    const { entries, bytes: size, valueFiles, orphans } = tier
    const files = `${plural(valueFiles, 'file')} of values${orphans === 0 ? '' : `, ${orphans} that no entry has`}`
    facts.push(['entries', `${entries}, ${bytes(size)}, ${files}`])
  }
  if (records !== null) {
    facts.push(['log', `${plural(records.log, 'record')}, ${plural(records.snapshots, 'snapshot')}`])
    facts.push(
      ['queue', plural(records.jobs, 'invalidation')],
      ['history', plural(records.records, 'record')],
    )
  }
  if (rowsAside > 0) facts.push(['aside', plural(rowsAside, 'damaged row')])
  for (const { folder, why, salvaged } of asides) {
    facts.push(['aside', `${safe(folder)}: ${safe(why)}${salvaged ? '' : ' (not salvaged yet)'}`])
  }
  return facts
}
