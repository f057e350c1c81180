/**
 * A redis-server behind TLS, and an authority that nobody but its test trusts.
 *
 * Invariant: nothing of either is left when `stop` has resolved.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startRedis } from './redis.ts'
import { freePort } from './server.ts'

const execute = promisify(execFile)

export interface TlsServer {
  /** rediss:// */
  readonly url: string
  /** In PEM, of the authority that nobody but us trusts. */
  readonly ca: string
  stop(): Promise<void>
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
