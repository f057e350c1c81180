/** Declares what all names of a pattern depend on. */
import type { Command } from 'commander'
import type { Rule } from '../api/protocol.ts'
import { safe } from './layout.ts'
import type { Terminal } from './terminal.ts'

export function addRule(program: Command, terminal: Terminal): void {
  program
    .command('rule')
    .summary('declare what all names of a pattern depend on')
    .description('A part in braces matches text and may stand in the dependencies again.')
    .argument('<pattern>')
    .argument('<dependencies...>')
    .addHelpText('after', "\nExample:\n  staleproof rule 'thumb:{photo}' 'file:/photos/{photo}'")
    .action(async (pattern: string, dependsOn: string[]) => {
      const json: Rule = { pattern, dependsOn }
      await terminal.client().send('v1/rules', { method: 'PUT', json })
      terminal.say(`${safe(pattern)} depends on ${dependsOn.map(safe).join(', ')}`)
    })
}
