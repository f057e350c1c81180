/** What was invalidated, when, by whom and why. */
import { Option, type Command } from 'commander'
import {
  historyPageSchema,
  invalidationSchema,
  statusSchema,
  strategySchema,
  type HistoryPage,
  type HistoryQueryParameters,
} from '../api/protocol.ts'
import { named } from './client.ts'
import { details, statusText, targetText } from './invalidation-text.ts'
import { moment, safe, table } from './layout.ts'
import { wholeNumber } from './options.ts'
import type { Colors, Terminal } from './terminal.ts'

type HistoryOptions = Partial<Record<keyof HistoryQueryParameters, string | number>>

export function addHistory(program: Command, terminal: Terminal): void {
  const history = program
    .command('history')
    .summary('what was invalidated, when, by whom and why')
    .description('Lists invalidations, newest first.')
    .addOption(new Option('--status <status>', 'only those').choices(statusSchema.options))
    .option('--name <name>', 'only those of a name')
    .addOption(new Option('--strategy <name>', 'only those').choices(strategySchema.options))
    .option('--actor <who>', 'only those by somebody')
    .option('--since <time>', 'only later ones, such as 2026-01-31T12:00:00Z')
    .option('--until <time>', 'only earlier ones')
    .addOption(new Option('--limit <number>', 'how many').argParser(wholeNumber(1)))
    .option('--cursor <text>', 'the next page, as the page before said')
    .addHelpText('after', '\nExample:\n  staleproof history --status failed')
    .action(async (query: HistoryOptions) => {
      terminal.show(await terminal.client().ask(historyPageSchema, 'v1/invalidations', { query }), pageText)
    })
  history
    .command('show')
    .summary('all that is known of one')
    .description('Shows one invalidation: what it reached, in order, and what each tier did.')
    .argument('<id>')
    .addHelpText('after', '\nExample:\n  staleproof history show 5f2c9a31-12')
    .action(async (id: string) => {
      terminal.show(await terminal.client().ask(invalidationSchema, named('v1/invalidations', id)), details)
    })
}

export function pageText({ records, next }: HistoryPage, colors: Colors): string {
  if (records.length === 0) return 'no invalidations'
  const head = ['when', 'status', 'reached', 'what', 'why', 'who', 'id'].map(colors.dim)
  const rows = records.map((record) => [
    moment(record.requestedAt),
    statusText(record.status, colors),
    record.reached === null ? '-' : String(record.reached),
    targetText(record),
    safe(record.reason ?? '-'),
    safe(record.actor ?? '-'),
    colors.dim(record.id),
  ])
  const more = next === null ? [] : [colors.dim(`there are more: --cursor ${next}`)]
  return [table([head, ...rows]), ...more].join('\n')
}
