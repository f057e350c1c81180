/**
 * A node of a measurement, in a process of its own: of ours, or of what a round costs without any of it.
 *
 *   ours   a cache that is one node of many; tells how old a change was when it came
 *   raw    reads a stream as it grows, and says on another one that it has each record
 */
import { Redis } from 'ioredis'
import { createCache } from 'staleproof'
import { redis } from 'staleproof/redis'

export const sentAtOf = (name: string): bigint => BigInt(name.slice(name.indexOf('@') + 1))

const [role = '', port = '', prefix = ''] = process.argv.slice(2)
if (role === 'ours') await beOurs()
if (role === 'raw') await beRaw()

async function beOurs(): Promise<void> {
  const cache = createCache({ redis: redis({ url: `redis://127.0.0.1:${port}`, prefix }) })
  cache.on('changed', ({ name }) => {
    if (name.includes('@')) process.send?.(Number(process.hrtime.bigint() - sentAtOf(name)) / 1000)
  })
  await cache.ready()
  process.send?.('ready')
}

async function beRaw(): Promise<void> {
  const client = new Redis({ port: Number(port), host: '127.0.0.1', protocol: 2 })
  process.send?.('ready')
  for (let last = '$'; ; ) {
    const reply = (await client.call('XREAD', 'BLOCK', '0', 'STREAMS', `${prefix}:log`, last)) as
      | [[string, [string, string[]][]]]
      | null
    for (const [id] of reply?.[0][1] ?? []) {
      last = id
      await client.call('XADD', `${prefix}:acks`, 'MAXLEN', '100', '*', 'id', id)
    }
  }
}
