/** The numbers of the daemon. */
import type { Command } from 'commander'
import { statsSchema, type Disk, type Redis, type Stats } from '../api/protocol.ts'
import { bytes, plural, safe, span, table } from './layout.ts'
import type { Colors, Terminal } from './terminal.ts'

export function addStats(program: Command, terminal: Terminal): void {
  program
    .command('stats')
    .summary('the numbers since the start')
    .description('Shows what the cache holds and how it fares.')
    .addHelpText('after', '\nExample:\n  staleproof stats --json')
    .action(async () => {
      terminal.show(await terminal.client().ask(statsSchema, 'v1/stats'), statsText)
    })
}

export function statsText(stats: Stats, colors: Colors): string {
  const { daemon, memory, graph, ledger, queue, log } = stats
  const ratio = stats.hitRatio === null ? '-' : `${(stats.hitRatio * 100).toFixed(1)} %`
  const facts: [string, string][] = [
    ['daemon', `${daemon.version}, up ${span(daemon.upMs)}, ${plural(daemon.eventStreams, 'event stream')}`],
    ['reads', `${stats.hits} hits, ${stats.stale} stale, ${stats.misses} misses (hit ratio ${ratio})`],
    ['writes', `${stats.stores} stored, ${stats.refused} refused`],
    ['invalidations', `${stats.invalidations}, ${queue.pending} waiting`],
    [
      'memory',
      `${plural(memory.entries, 'entry', 'entries')}, ${bytes(memory.bytes)} of ${bytes(memory.bytesMax)}, ${memory.evictions} evicted`,
    ],
    [
      'graph',
      `${plural(graph.names, 'name')}, ${graph.declared} declared, ${graph.tracked} tracked, ${plural(graph.rules, 'rule')}, ${bytes(graph.bytes)}`,
    ],
    ...(stats.disk === null ? [] : diskFacts(stats.disk, colors)),
    ...(stats.redis === null ? [] : redisFacts(stats.redis, colors)),
    ['ledger', `${plural(ledger.names, 'name')}, ${bytes(ledger.bytes)}`],
    ['log', `${log.generation}:${log.n}`],
  ]
  return table(facts.map(([name, value]) => [colors.dim(name), value]))
}

function diskFacts(
  { status, error, putAside, others, waiting, usage, sweep }: Disk,
  colors: Colors,
): [string, string][] {
  const { entries, bytes: held, bytesMax, evictions, damaged } = usage
  const counts = `${plural(entries, 'entry', 'entries')}, ${bytes(held)} of ${bytes(bytesMax)}, ${evictions} evicted`
  const facts: [string, string][] = [
    ['disk', `${status === 'ok' ? colors.green('ok') : colors.red('failing')}, ${counts}`],
    ['', error === null ? '' : colors.red(`${safe(error.message)} (${error.code})`)],
    [
      '',
      typeof putAside === 'string' ? colors.yellow(`what was there was put aside: ${safe(putAside)}`) : '',
    ],
    [
      '',
      damaged === 0
        ? ''
        : colors.yellow(`${plural(damaged, 'entry', 'entries')} damaged; see staleproof doctor`),
    ],
    ['', waiting === 0 ? '' : colors.yellow(`${plural(waiting, 'invalidation')} to be written`)],
    ['', others === 0 ? '' : plural(others, 'other process', 'other processes')],
    ['', `sweep ${Math.round(sweep.position * 100)} %, ${sweep.looked} looked at, ${sweep.removed} removed`],
  ]
  return facts.filter(([, text]) => text !== '')
}

function redisFacts(
  { status, error, node, fenced, others, waiting, worth }: Redis,
  colors: Colors,
): [string, string][] {
  const state = status === 'ok' ? colors.green('ok') : colors.red('failing')
  const fence = fenced ? `, ${colors.red('fenced: nothing that it holds is served')}` : ''
  const paint = worth.is === 'unsafe' || worth.is === 'unknown' ? colors.yellow : String
  const facts: [string, string][] = [
    ['redis', `${state}, node ${safe(node)}, ${plural(others, 'other node')}${fence}`],
    ['', error === null ? '' : colors.red(`${safe(error.message)} (${error.code})`)],
    ['', waiting === 0 ? '' : colors.yellow(`${plural(waiting, 'invalidation')} that others do not know of`)],
    ['', paint(`strict is ${worth.is}: ${safe(worth.why)}`)],
  ]
  return facts.filter(([, text]) => text !== '')
}
