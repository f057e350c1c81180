/** Takes a rule back. */
import type { Command } from 'commander'
import { safe } from './layout.ts'
import type { Terminal } from './terminal.ts'

export function addUnrule(program: Command, terminal: Terminal): void {
  program
    .command('unrule')
    .summary('take a rule back')
    .description('Without dependencies: all rules of the pattern.')
    .argument('<pattern>')
    .argument('[dependencies...]')
    .addHelpText('after', "\nExample:\n  staleproof unrule 'thumb:{photo}'")
    .action(async (pattern: string, dependencies: string[]) => {
      const dependsOn = dependencies.length === 0 ? undefined : dependencies
      await terminal.client().send('v1/rules', { method: 'DELETE', json: { pattern, dependsOn } })
      terminal.say(
        `${safe(pattern)} has no rule for ${dependsOn?.map(safe).join(', ') ?? 'anything'} any more`,
      )
    })
}
