/** Takes declared dependencies back. */
import type { Command } from 'commander'
import { safe } from './layout.ts'
import type { Terminal } from './terminal.ts'

export function addUnlink(program: Command, terminal: Terminal): void {
  program
    .command('unlink')
    .summary('take declared dependencies back')
    .description('Without dependencies: all that were declared of the name.')
    .argument('<name>')
    .argument('[dependencies...]')
    .addHelpText('after', '\nExample:\n  staleproof unlink album:sea file:/photos/sea.jpg')
    .action(async (name: string, dependencies: string[]) => {
      const dependsOn = dependencies.length === 0 ? undefined : dependencies
      await terminal.client().send('v1/links', { method: 'DELETE', json: { name, dependsOn } })
      terminal.say(
        `${safe(name)} is not declared to depend on ${dependsOn?.map(safe).join(', ') ?? 'anything'} any more`,
      )
    })
}
