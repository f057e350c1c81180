/**
 * A node of a measurement, in a process of its own: of ours, or of what a round costs without any of it.
 *
 *   ours           a cache that is one node of many; tells when it applied that `row` was invalidated
 *   reading        reads a stream as it grows; tells when each record came
 *   acknowledging  the same, and says on another stream that it has it
 */
import { Redis } from 'ioredis'
import { createCache } from 'staleproof'
import { redis } from 'staleproof/redis'

const [role = '', port = '', prefix = ''] = process.argv.slice(2)
if (role === 'ours') await beOurs()
else await beRaw()

/** ns of the monotonic clock that all processes of the machine share. */
function nowNs(): number {
  return Number(process.hrtime.bigint())
}

async function beOurs(): Promise<void> {
  // What it holds stays in its memory.
  const options = redis({ url: `redis://127.0.0.1:${port}`, prefix, maxEntryBytes: 1 })
  const cache = createCache({ redis: options })
  const hold = () => cache.getOrSet('held', () => 1, { dependsOn: 'row' })
  let at = 0
  cache.on('departed', () => {
    at = nowNs()
    // Told when it holds it again.
    void hold().then(() => process.send?.(at))
  })
  await cache.ready()
  await hold()
  process.send?.('ready')
}

async function beRaw(): Promise<void> {
  const client = new Redis({ port: Number(port), host: '127.0.0.1', protocol: 2 })
  process.send?.('ready')
  for (let last = '0'; ; ) {
    const reply = (await client.callBuffer('XREAD', ['BLOCK', '0', 'STREAMS', `${prefix}:log`, last])) as
      | [[Buffer, [Buffer, Buffer[]][]]]
      | null
    const at = nowNs()
    for (const [id] of reply?.[0][1] ?? []) {
      last = id.toString()
      if (role === 'reading') process.send?.(at)
      else await client.call('XADD', `${prefix}:acks`, 'MAXLEN', '100', '*', 'id', last)
    }
  }
}
