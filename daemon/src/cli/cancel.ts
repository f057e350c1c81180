/** Cancels an invalidation that waits. */
import type { Command } from 'commander'
import { invalidationSchema } from '../api/protocol.ts'
import { named } from './client.ts'
import { summary } from './invalidation-text.ts'
import type { Terminal } from './terminal.ts'

export function addCancel(program: Command, terminal: Terminal): void {
  program
    .command('cancel')
    .summary('cancel an invalidation that waits')
    .description('Ends with 5 if it does not wait any more.')
    .argument('<id>')
    .addHelpText('after', '\nExample:\n  staleproof cancel 5f2c9a31-12')
    .action(async (id: string) => {
      const path = `${named('v1/invalidations', id)}/cancel`
      terminal.show(await terminal.client().ask(invalidationSchema, path, { method: 'POST' }), summary)
    })
}
