/**
 * The kinds of value that a setting can have. The description of each is what an error says was expected.
 */
import { type Duration, durationMs, type Size, sizeBytes } from 'staleproof'
import { z } from 'zod'

export const text = (expected: string) => z.string().min(1).describe(expected)

export const duration = z
  .custom<Duration>((value) => isAccepted(() => durationMs(value as Duration)))
  .describe('a duration such as 250ms, 30s, 5m, 1h or 7d, or a number of milliseconds')

export const size = z
  .custom<Size>((value) => isAccepted(() => sizeBytes(value as Size)))
  .describe('a size such as 64kb, 256mb or 2gb, or a number of bytes')

export const count = (least: number) =>
  z.number().int().min(least).describe(`a whole number of at least ${least}`)

export const fraction = z.number().min(0).max(1).describe('a number from 0 to 1')

export const flag = z.boolean().describe('true or false')

export const choice = <const W extends readonly [string, ...string[]]>(...words: W) =>
  z.enum(words).describe(`one of ${words.join(', ')}`)

/** Of a Redis or Valkey server. */
export const address = z
  .custom<string>((value) => typeof value === 'string' && isAddress(value))
  .describe('an address such as redis://cache.home:6379, or rediss://... for TLS')

/** One name or several. */
export const names = z
  .union([text('a name'), z.array(text('a name')).min(1)])
  .describe('a name or a list of names')

/** With or without a scheme; a path is the number of a database. */
function isAddress(text: string): boolean {
  const full = text.includes('://') ? text : `redis://${text}`
  if (!URL.canParse(full)) return false
  const { protocol, hostname, pathname } = new URL(full)
  return (protocol === 'redis:' || protocol === 'rediss:') && hostname !== '' && /^\/?\d*$/.test(pathname)
}

/** Whether the library takes the value; what it would say is said by the description. */
function isAccepted(read: () => number): boolean {
  try {
    read()
    return true
  } catch {
    return false
  }
}
