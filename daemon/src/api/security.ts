/**
 * What a daemon without accounts on loopback has to refuse: web pages of others that a browser on the same
 * machine has open. They reach it under a name of their own (DNS rebinding) or by plain cross-site requests.
 *
 * Invariants: bound to loopback, no request with a foreign Host is answered; no unsafe request that a browser
 * marks as another site's is answered. Programs that send neither Origin nor Sec-Fetch-Site are let through.
 */
import { createMiddleware } from 'hono/factory'
import { StaleproofError } from 'staleproof'
import type { ApiEnv } from './parts.ts'

/** `bound` is the address that the daemon listens on; the check is for loopback only. */
export function refuseForeignHosts(bound: string) {
  const checked = isLoopback(bound)
  return createMiddleware<ApiEnv>(async (c, next) => {
    const { hostname } = new URL(c.req.url)
    if (checked && !isLoopback(hostname)) {
      throw new StaleproofError('E_API_HOST', `the Host header names ${hostname}; use localhost or 127.0.0.1`)
    }
    await next()
  })
}

export const refuseOtherSites = createMiddleware<ApiEnv>(async (c, next) => {
  if (!safeMethods.has(c.req.method) && isOtherSite(c.req.raw)) {
    throw new StaleproofError('E_API_CROSS_SITE', 'a page of another site may not change anything here')
  }
  await next()
})

const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

function isOtherSite(request: Request): boolean {
  const site = request.headers.get('Sec-Fetch-Site')
  if (site !== null) return site !== 'same-origin' && site !== 'none'
  const origin = request.headers.get('Origin')
  return origin !== null && origin !== new URL(request.url).origin
}

function isLoopback(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, '').toLowerCase()
  return (
    name === 'localhost' || name.endsWith('.localhost') || name === '::1' || /^127(\.\d{1,3}){3}$/.test(name)
  )
}
