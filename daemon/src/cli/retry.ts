/** Tries an invalidation again that failed. */
import type { Command } from 'commander'
import { invalidationSchema } from '../api/protocol.ts'
import { named } from './client.ts'
import { details } from './invalidation-text.ts'
import type { Terminal } from './terminal.ts'

export function addRetry(program: Command, terminal: Terminal): void {
  program
    .command('retry')
    .summary('try a failed invalidation again')
    .description('Ends with 5 if it did not fail, and with 1 if it fails again.')
    .argument('<id>')
    .addHelpText('after', '\nExample:\n  staleproof retry 5f2c9a31-12')
    .action(async (id: string) => {
      const path = `${named('v1/invalidations', id)}/retry`
      terminal.show(await terminal.client().ask(invalidationSchema, path, { method: 'POST' }), details)
    })
}
