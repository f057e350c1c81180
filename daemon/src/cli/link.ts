/** Declares what a name depends on. */
import type { Command } from 'commander'
import type { Link } from '../api/protocol.ts'
import { safe } from './layout.ts'
import type { Terminal } from './terminal.ts'

export function addLink(program: Command, terminal: Terminal): void {
  program
    .command('link')
    .summary('declare what a name depends on')
    .description('From now on a change of one of the dependencies makes the name stale.')
    .argument('<name>')
    .argument('<dependencies...>')
    .addHelpText('after', '\nExample:\n  staleproof link album:sea file:/photos/sea.jpg')
    .action(async (name: string, dependsOn: string[]) => {
      const json: Link = { name, dependsOn }
      await terminal.client().send('v1/links', { method: 'PUT', json })
      terminal.say(`${safe(name)} depends on ${dependsOn.map(safe).join(', ')}`)
    })
}
