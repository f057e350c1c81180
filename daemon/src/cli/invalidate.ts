/** Says that names have changed. */
import { Option, type Command } from 'commander'
import {
  consistencySchema,
  invalidationSchema,
  planSchema,
  strategySchema,
  type Invalidation,
  type InvalidationRequest,
} from '../api/protocol.ts'
import { exitCodes, Failure } from './failure.ts'
import { details, planText } from './invalidation-text.ts'
import type { Terminal } from './terminal.ts'

type InvalidateOptions = Pick<
  InvalidationRequest,
  'prefix' | 'all' | 'strategy' | 'consistency' | 'reason' | 'dryRun'
> & {
  readonly soft?: true
}

export function addInvalidate(program: Command, terminal: Terminal): void {
  program
    .command('invalidate')
    .summary('say that names have changed')
    .description('Nothing made from the names is served any more. Ends with 1 if that is not so everywhere.')
    .argument('[names...]')
    .option('--prefix <text>', 'also every name that begins so')
    .option('--all', 'everything')
    .addOption(new Option('--strategy <name>', 'when the work is done').choices(strategySchema.options))
    .addOption(
      new Option('--consistency <name>', 'how long the old may be read').choices(consistencySchema.options),
    )
    .option('--reason <text>', 'why, for the history')
    .option('--soft', 'the old may be served within its grace while it is loaded again')
    .option('--dry-run', 'only tell what would go')
    .addHelpText('after', '\nExample:\n  staleproof invalidate file:/photos/sea.jpg --reason "edited"')
    .action(async (names: string[], { soft, ...options }: InvalidateOptions) => {
      if (names.length === 0 && options.prefix === undefined && options.all !== true) {
        throw new Failure(exitCodes.usage, 'say what changed: names, --prefix or --all')
      }
      const mode = soft === true ? 'soft' : undefined
      const given = names.length > 0 ? { names } : {}
      const request: InvalidationRequest = { ...given, ...options, mode, actor: 'cli' }
      await (options.dryRun === true ? plan(terminal, request) : invalidate(terminal, request))
    })
}

async function plan(terminal: Terminal, json: InvalidationRequest): Promise<void> {
  terminal.show(
    await terminal.client().ask(planSchema, 'v1/invalidations', { method: 'POST', json }),
    planText,
  )
}

async function invalidate(terminal: Terminal, json: InvalidationRequest): Promise<void> {
  try {
    terminal.show(
      await terminal.client().ask(invalidationSchema, 'v1/invalidations', { method: 'POST', json }),
      details,
    )
  } catch (error) {
    // What was done is inside the problem: it is worth seeing, beside the error.
    const result = error instanceof Failure ? resultIn(error) : undefined
    if (result !== undefined) terminal.say(details(result, terminal.colors))
    throw error
  }
}

function resultIn({ problem }: Failure): Invalidation | undefined {
  return invalidationSchema.safeParse(problem?.result).data
}
