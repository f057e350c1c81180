/** Carries out at once an invalidation that waits. */
import type { Command } from 'commander'
import { invalidationSchema } from '../api/protocol.ts'
import { named } from './client.ts'
import { details } from './invalidation-text.ts'
import type { Terminal } from './terminal.ts'

export function addRunNow(program: Command, terminal: Terminal): void {
  program
    .command('run')
    .summary('carry out at once an invalidation that waits')
    .description('Ends with 5 if it does not wait any more, and with 1 if it fails.')
    .argument('<id>')
    .addHelpText('after', '\nExample:\n  staleproof run 5f2c9a31-12')
    .action(async (id: string) => {
      const path = `${named('v1/invalidations', id)}/run`
      terminal.show(await terminal.client().ask(invalidationSchema, path, { method: 'POST' }), details)
    })
}
