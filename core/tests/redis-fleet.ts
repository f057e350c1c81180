/**
 * More than one plain server for a test: a primary with a replica under a sentinel, a cluster.
 *
 * Invariant: each is on ports and in a folder of its own, and nothing is left of it after `stop`.
 */
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ask, freePort, newPlace, RedisServer, startRedis, until } from 'staleproof-testbed'

const execute = promisify(execFile)

export interface Fleet {
  stop(): Promise<void>
}

export interface Watched extends Fleet {
  readonly name: string
  readonly sentinel: RedisServer
  readonly primary: RedisServer
  readonly replica: RedisServer
}

/** A primary, a replica of it, and one sentinel that may promote the replica by itself. */
export async function startWatched(): Promise<Watched> {
  const primary = await startRedis()
  const replica = await startRedis({ replicaof: `127.0.0.1 ${primary.port}` })
  const name = 'watched'
  const sentinel = await startSentinel([
    `sentinel monitor ${name} 127.0.0.1 ${primary.port} 1`,
    `sentinel down-after-milliseconds ${name} 500`,
    `sentinel failover-timeout ${name} 5000`,
  ])
  const servers = [primary, replica, sentinel]
  const stop = async () => {
    await Promise.all(servers.map((server) => server.stop()))
  }
  const known = async () =>
    (await ask(sentinel.port, ['SENTINEL', 'REPLICAS', name])).includes('master-link-status\r\n$2\r\nok')
  await until(known, 'a sentinel that knows the replica')
  return { name, sentinel, primary, replica, stop }
}

/** @param watches what it watches, in lines of its configuration */
async function startSentinel(watches: readonly string[]): Promise<RedisServer> {
  const place = await newPlace()
  const file = join(place.folder, 'sentinel.conf')
  const lines = [`port ${place.port}`, `dir ${place.folder}`, 'bind 127.0.0.1', ...watches]
  await writeFile(file, `${lines.join('\n')}\n`)
  const sentinel = new RedisServer(place, [file, '--sentinel'])
  await sentinel.start()
  return sentinel
}

export interface ClusterOfThree extends Fleet {
  readonly nodes: readonly RedisServer[]
}

export async function startCluster(): Promise<ClusterOfThree> {
  const nodes = await Promise.all(
    [1, 2, 3].map(async () => {
      const bus = String(await freePort())
      return startRedis({ 'cluster-enabled': 'yes', 'cluster-port': bus, 'cluster-node-timeout': '2000' })
    }),
  )
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`)
  await execute('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-yes'])
  const isWhole = async (port: number) => (await ask(port, ['CLUSTER', 'INFO'])).includes('cluster_state:ok')
  for (const { port } of nodes) await until(() => isWhole(port), 'a cluster that is whole')
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.stop()))
  }
  return { nodes, stop }
}
