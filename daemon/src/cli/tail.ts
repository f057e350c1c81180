/** Shows what changes, as it happens. */
import type { EventSourceMessage } from 'eventsource-parser'
import type { Command } from 'commander'
import { changedEventSchema, gapEventSchema, invalidationSchema } from '../api/protocol.ts'
import { follow } from './event-stream.ts'
import { summary } from './invalidation-text.ts'
import { moment, safe, span } from './layout.ts'
import type { Colors, Terminal } from './terminal.ts'

export function addTail(program: Command, terminal: Terminal): void {
  program
    .command('tail')
    .summary('show what changes, as it happens')
    .description('Follows the event stream until it is interrupted, and goes on by itself when it breaks.')
    .option('--name <name>', 'only what may concern this name')
    .option('--prefix <text>', 'only what may concern a name that begins so')
    .addHelpText('after', '\nExample:\n  staleproof tail --prefix file:/photos/')
    .action(async (query: { name?: string; prefix?: string }) => {
      const stop = new AbortController()
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
      const lost = (why: string, retryMs: number) => terminal.note(`${why}; trying again in ${span(retryMs)}`)
      for await (const message of follow(terminal.client(), { query, signal: stop.signal, lost })) {
        if (terminal.json) terminal.print(lineOfJson(message))
        else showEvent(message, terminal)
      }
    })
}

function lineOfJson({ event, id, data }: EventSourceMessage): string {
  return JSON.stringify({ event, id, data: JSON.parse(data) })
}

function showEvent(message: EventSourceMessage, terminal: Terminal): void {
  if (message.event === 'ready') return terminal.note('connected; waiting for changes (Ctrl-C ends)')
  terminal.print(`${terminal.colors.dim(moment(Date.now()))} ${eventText(message, terminal.colors)}`)
}

export function eventText({ event = 'message', data }: EventSourceMessage, colors: Colors): string {
  const content: unknown = JSON.parse(data)
  if (event === 'invalidated') {
    const invalidation = invalidationSchema.parse(content)
    const reason = invalidation.reason === null ? '' : colors.dim(` (${safe(invalidation.reason)})`)
    return `invalidated ${summary(invalidation, colors)}${reason}`
  }
  if (event === 'changed') return `changed ${safe(changedEventSchema.parse(content).name)}`
  if (event !== 'gap') return `${safe(event)} ${safe(data)}`
  const { reason } = gapEventSchema.parse(content)
  return colors.yellow(`events were missed (${reason}): consider everything possibly changed`)
}
