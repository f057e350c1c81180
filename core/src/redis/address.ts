/**
 * Whether where the server is was said once, and so that it can be found: a client would end the process over some of it.
 */
import { inspect } from 'node:util'
import { StaleproofError } from '../model/errors.ts'
import type { ConnectionOptions } from './connection.ts'

/** @throws E_OPTIONS_INVALID */
export function checkAddress(
  options: ConnectionOptions & { readonly connection?: unknown },
  what: string,
): void {
  const { url, cluster, sentinel } = options
  if (url !== undefined) checkAll([url], `${what}.url`)
  if (cluster !== undefined) checkAll(cluster, `${what}.cluster`)
  if (sentinel !== undefined) checkAll(sentinel.urls, `${what}.sentinel.urls`)
  if (sentinel !== undefined && (typeof sentinel.name !== 'string' || sentinel.name === ''))
    throw invalid(`${what}.sentinel.name is missing; give the name of the primary that the sentinels watch`)
  checkOnce(options, what)
}

function checkAll(urls: unknown, what: string): void {
  if (!Array.isArray(urls) || urls.length === 0)
    throw invalid(`${what} is no list of addresses; give at least one, such as 'redis://a:6379'`)
  for (const url of urls) {
    if (isAddress(url)) continue
    throw invalid(
      `${what} has ${inspect(withoutPassword(url))}, which is no address; give one such as redis://cache.home:6379, rediss://... for TLS, ` +
        'with /1 behind it for another database than 0',
    )
  }
}

/** What is wrong may be logged. */
function withoutPassword(url: unknown): unknown {
  return typeof url === 'string' ? url.replace(/[^/]*@/, '***@') : url
}

/** With or without a scheme; a path is the number of a database. */
function isAddress(text: unknown): boolean {
  if (typeof text !== 'string') return false
  const full = text.includes('://') ? text : `redis://${text}`
  if (!URL.canParse(full)) return false
  const { protocol, hostname, pathname } = new URL(full)
  return ['redis:', 'rediss:'].includes(protocol) && hostname !== '' && /^\/?\d*$/.test(pathname)
}

function checkOnce(options: ConnectionOptions & { readonly connection?: unknown }, what: string): void {
  const given = (name: keyof typeof options) => options[name] !== undefined
  const places = (['connection', 'url', 'cluster', 'sentinel'] as const).filter(given)
  const more = (['username', 'password', 'tls'] as const).filter(given)
  const both = places[0] === 'connection' ? [...places, ...more] : places
  if (both.length > 1)
    throw invalid(
      `${what} has ${both.join(' and ')}, which both say where the server is; leave one of them out`,
    )
}

function invalid(message: string): StaleproofError {
  return new StaleproofError('E_OPTIONS_INVALID', message)
}
