/** Reads an entry. */
import { writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { named } from './client.ts'
import { exitCodes, Failure } from './failure.ts'
import { bytes } from './layout.ts'
import type { Terminal } from './terminal.ts'

export function addGet(program: Command, terminal: Terminal): void {
  program
    .command('get')
    .summary('read an entry')
    .description('Writes the bytes of an entry. Ends with 3 if nothing is held for the key.')
    .argument('<key>')
    .option('-o, --output <file>', 'write to a file instead of the standard output')
    .addHelpText('after', '\nExample:\n  staleproof get thumb:sea.jpg -o sea.jpg')
    .action(async (key: string, { output }: { output?: string }) => {
      const response = await terminal.client().send(named('v1/entries', key))
      const value = new Uint8Array(await response.arrayBuffer())
      if (output !== undefined) {
        await writeFile(output, value)
        terminal.note(`${bytes(value.byteLength)} written to ${output}`)
        return
      }
      if (terminal.isTty && !isText(response)) {
        throw new Failure(exitCodes.usage, 'the entry is not text; write it to a file with -o')
      }
      process.stdout.write(value)
    })
}

function isText(response: Response): boolean {
  return /^text\/|[/+](json|xml|yaml)\b/.test(response.headers.get('Content-Type') ?? '')
}
