/**
 * Servers for the tests of daemons, and a slow way to one.
 *
 * Invariant: whatever was started here is ended by `endServers`.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import * as testbed from 'staleproof-testbed'

/** @param options of redis.conf: { 'maxmemory-policy': 'noeviction' } */
export async function startRedis(options: testbed.Settings = {}): Promise<testbed.RedisServer> {
  return kept(await testbed.startRedis(options))
}

export async function startTls(): Promise<testbed.TlsServer> {
  return kept(await testbed.startTls())
}

/** A way to the server on which its answers take so long. */
export async function slowWayTo(
  { port }: { readonly port: number },
  delayMs: number,
): Promise<{ readonly url: string }> {
  const way = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    near.pipe(far).on('error', () => near.destroy())
    near.on('error', () => far.destroy()).on('close', () => far.destroy())
    far.on('data', (bytes) => setTimeout(() => near.write(bytes), delayMs)).on('close', () => near.destroy())
  }).listen(0, '127.0.0.1')
  await once(way, 'listening')
  ways.push(way)
  return { url: `redis://127.0.0.1:${(way.address() as AddressInfo).port}` }
}

export async function endServers(): Promise<void> {
  for (const way of ways.splice(0)) way.close()
  await Promise.all(started.splice(0).map((server) => server.stop()))
}

function kept<T extends { stop(): Promise<void> }>(server: T): T {
  started.push(server)
  return server
}

const started: { stop(): Promise<void> }[] = []
const ways: Server[] = []
