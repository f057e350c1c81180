/** Deletes an entry. */
import type { Command } from 'commander'
import { named } from './client.ts'
import { safe } from './layout.ts'
import type { Terminal } from './terminal.ts'

export function addDelete(program: Command, terminal: Terminal): void {
  program
    .command('delete')
    .summary('delete an entry')
    .description('Removes the entry of a key. To say that its name has changed, use invalidate.')
    .argument('<key>')
    .addHelpText('after', '\nExample:\n  staleproof delete thumb:sea.jpg')
    .action(async (key: string) => {
      await terminal.client().send(named('v1/entries', key), { method: 'DELETE' })
      terminal.say(`${terminal.colors.green('deleted')} ${safe(key)}`)
    })
}
