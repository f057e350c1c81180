/**
 * More than one plain server for a test: one behind TLS, a primary with a replica under a sentinel, a cluster.
 *
 * Invariants: as in redis-server.ts: each on ports and in a folder of its own, nothing left after `stop`.
 */
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort, launch, startRedis, until, type RedisServer } from './redis-server.ts'

const execute = promisify(execFile)

export interface Fleet {
  stop(): Promise<void>
}

export interface TlsServer extends Fleet {
  /** rediss:// */
  readonly url: string
  /** In PEM, of the authority that nobody but us trusts. */
  readonly ca: string
}

export async function startTls(): Promise<TlsServer> {
  const folder = await mkdtemp(join(tmpdir(), 'staleproof-tls-'))
  const files = await certificates(folder)
  const port = await freePort()
  const server = await startRedis({
    ...{ 'tls-port': String(port), 'tls-cert-file': files.cert, 'tls-key-file': files.key },
    ...{ 'tls-ca-cert-file': files.ca, 'tls-auth-clients': 'no' },
  })
  const stop = async () => {
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  }
  return { url: `rediss://127.0.0.1:${port}`, ca: await readFile(files.ca, 'utf8'), stop }
}

/** An authority and a certificate of it for 127.0.0.1, for a day. */
async function certificates(folder: string) {
  const [ca, caKey, cert, key, names] = ['ca.crt', 'ca.key', 'it.crt', 'it.key', 'names'].map((name) =>
    join(folder, name),
  ) as [string, string, string, string, string]
  const made = ['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  await execute('openssl', [
    ...[...made, '-x509', '-days', '1', '-subj', '/CN=test authority'],
    ...['-keyout', caKey, '-out', ca],
  ])
  await execute('openssl', [...made, '-subj', '/CN=127.0.0.1', '-keyout', key, '-out', `${cert}.wanted`])
  await writeFile(names, 'subjectAltName=IP:127.0.0.1')
  await execute('openssl', [
    ...['x509', '-req', '-in', `${cert}.wanted`, '-days', '1', '-extfile', names],
    ...['-CA', ca, '-CAkey', caKey, '-CAcreateserial', '-out', cert],
  ])
  return { ca, cert, key }
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
  const text = [
    `sentinel monitor ${name} 127.0.0.1 ${primary.port} 1`,
    `sentinel down-after-milliseconds ${name} 500`,
    `sentinel failover-timeout ${name} 5000`,
  ].join('\n')
  const sentinel = await launch('redis-server', (port, folder) => {
    const file = join(folder, 'sentinel.conf')
    writeFileSync(file, `port ${port}\ndir ${folder}\nbind 127.0.0.1\n${text}\n`)
    return [file, '--sentinel']
  })
  const servers = [primary, replica, sentinel]
  const stop = async () => {
    await Promise.all(servers.map((server) => server.stop()))
  }
  const known = async () =>
    (await said(sentinel.port, `SENTINEL REPLICAS ${name}`)).includes('master-link-status\r\n$2\r\nok')
  await until(known, 'a sentinel that knows the replica')
  return { name, sentinel, primary, replica, stop }
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
  const isWhole = async (port: number) => (await said(port, 'CLUSTER INFO')).includes('cluster_state:ok')
  for (const { port } of nodes) await until(() => isWhole(port), 'a cluster that is whole')
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.stop()))
  }
  return { nodes, stop }
}

/** What a server answers to a line, raw, as far as it comes in one piece. */
function said(port: number, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(`${line}\r\n`))
    socket.once('error', reject)
    socket.once('data', (bytes) => {
      socket.destroy()
      resolve(bytes.toString())
    })
  })
}
