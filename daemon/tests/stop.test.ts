import { once } from 'node:events'
import { request, type ClientRequest, type IncomingMessage } from 'node:http'
import { until } from 'staleproof-testbed'
import { afterEach, expect, it } from 'vitest'
import { type Daemon, endAll, startDaemon } from './daemon.ts'

afterEach(endAll)

/** A PUT of which the daemon has the head and the first half of the body. */
async function halfway(daemon: Daemon): Promise<ClientRequest> {
  const headers = { Expect: '100-continue', 'Content-Length': 10 }
  const put = request(`${daemon.url}/v1/entries/a`, { method: 'PUT', headers })
  put.flushHeaders()
  await once(put, 'continue')
  put.write('01234')
  return put
}

it('ends with 0 on SIGTERM, at once if nothing is under way', async () => {
  const daemon = await startDaemon()
  daemon.child.kill('SIGTERM')
  expect((await daemon.ended).code).toBe(0)
  expect(daemon.stderr).toContain('"msg":"stopped"')
})

it('ends with 0 on SIGINT while somebody follows the events', async () => {
  const daemon = await startDaemon()
  const stream = await daemon.fetch('/v1/events')
  expect(stream.status).toBe(200)
  daemon.child.kill('SIGINT')
  expect((await daemon.ended).code).toBe(0)
})

it('ends a request that is under way before it ends itself, and takes no other', async () => {
  const daemon = await startDaemon()
  const put = await halfway(daemon)
  daemon.child.kill('SIGTERM')
  await daemon.logged('stopping')
  await expect(daemon.fetch('/readyz')).rejects.toThrow()
  expect(daemon.child.exitCode).toBeNull()
  const answered = once(put, 'response')
  put.end('56789')
  const [response] = (await answered) as [IncomingMessage]
  expect(response.statusCode).toBe(201)
  response.resume()
  expect((await daemon.ended).code).toBe(0)
})

it('ends at once on a second signal', async () => {
  const daemon = await startDaemon()
  const put = await halfway(daemon)
  put.on('error', () => {})
  daemon.child.kill('SIGTERM')
  await daemon.logged('stopping')
  const from = performance.now()
  // What comes at once is the same signal, on another way.
  await until(() => {
    if (performance.now() - from < 400) daemon.child.kill('SIGTERM')
    return performance.now() - from > 600
  }, 'a while')
  daemon.child.kill('SIGTERM')
  expect((await daemon.ended).code).toBe(143)
  expect(daemon.stderr).not.toContain('"msg":"stopped"')
})
