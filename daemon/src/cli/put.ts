/** Stores an entry. */
import { readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import { Option, type Command } from 'commander'
import { consistencySchema, storedSchema, type Stored } from '../api/protocol.ts'
import { named } from './client.ts'
import { exitCodes, Failure } from './failure.ts'
import { bytes, moment, safe } from './layout.ts'
import { listOption } from './options.ts'
import type { Colors, Terminal } from './terminal.ts'

interface PutOptions {
  readonly dependsOn: string[]
  readonly tag: string[]
  readonly policy?: string
  readonly ttl?: string
  readonly consistency?: string
  readonly contentType?: string
}

export function addPut(program: Command, terminal: Terminal): void {
  program
    .command('put')
    .summary('store an entry')
    .description('Stores a file, or the standard input, under a key. What depends on the key becomes stale.')
    .argument('<key>')
    .argument('[file]', '- is the standard input', '-')
    .addOption(listOption('--depends-on <name>', 'a name that it was made from'))
    .addOption(listOption('--tag <name>', 'a name to invalidate it by'))
    .option('--policy <name>', 'its policy')
    .option('--ttl <duration>', 'how long it is fresh, such as 5m')
    .addOption(
      new Option('--consistency <name>', 'how long the old may be read').choices(consistencySchema.options),
    )
    .option('--content-type <type>', 'what it is, such as image/jpeg')
    .addHelpText(
      'after',
      '\nExample:\n  staleproof put thumb:sea.jpg sea-small.jpg --depends-on file:/photos/sea.jpg',
    )
    .action(async (key: string, file: string, options: PutOptions) => {
      const { contentType, ...query } = options
      const reply = await terminal.client().ask(storedSchema, named('v1/entries', key), {
        method: 'PUT',
        query,
        headers: { 'Content-Type': contentType },
        body: await contentOf(file),
      })
      terminal.show(reply, storedText)
      if (!reply.value.stored) throw new Failure(exitCodes.refused, `not stored: ${reply.value.refused}`)
    })
}

async function contentOf(file: string): Promise<Uint8Array<ArrayBuffer>> {
  if (file === '-') return new Uint8Array(await buffer(process.stdin))
  try {
    return new Uint8Array(await readFile(file))
  } catch (error) {
    throw new Failure(exitCodes.usage, `cannot read ${file}: ${(error as Error).message}`, { cause: error })
  }
}

function storedText({ key, sizeBytes, expiresAt }: Stored, colors: Colors): string {
  const until = expiresAt === null ? '' : `, fresh until ${moment(expiresAt)}`
  return `${colors.green('stored')} ${safe(key)} ${colors.dim(`${bytes(sizeBytes)}${until}`)}`
}
