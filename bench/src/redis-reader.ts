/**
 * The other process of a propagation: reads a stream as it grows, and tells how old each record was when it came.
 *
 * Both processes ask the one monotonic clock of the machine.
 */
import { clients, type Reply } from './redis-clients.ts'

const [name = '', port = '', key = ''] = process.argv.slice(2)
const client = await (clients[name] as (port: number) => ReturnType<(typeof clients)[string]>)(Number(port))

process.send?.('ready')
let last = '0'
for (;;) {
  const reply = await client.call('XREAD', 'BLOCK', '1000', 'STREAMS', key, last)
  const now = process.hrtime.bigint()
  for (const [id, sentAt] of recordsOf(reply)) {
    last = id
    process.send?.(Number(now - BigInt(sentAt)) / 1000)
  }
}

/** Of the one stream: id and what stands in the record. */
function recordsOf(reply: Reply): [string, string][] {
  if (reply === null) return []
  const [[, records]] = reply as [[Buffer, [Buffer, [Buffer, Buffer]][]]]
  return records.map(([id, [, sentAt]]) => [id.toString(), sentAt.toString()])
}
