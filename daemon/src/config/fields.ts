/**
 * The kinds of value that a setting can have. The description of each is what an error says was expected.
 */
import { durationMs, sizeBytes, StaleproofError, type Duration, type Size } from 'staleproof'
import { z } from 'zod'

export const text = (expected: string) => z.string().min(1).describe(expected)

export const duration = z
  .custom<Duration>((value) => holds(() => durationMs(value as Duration)))
  .describe('a duration such as 250ms, 30s, 5m, 1h or 7d, or a number of milliseconds')

export const size = z
  .custom<Size>((value) => holds(() => sizeBytes(value as Size)))
  .describe('a size such as 64kb, 256mb or 2gb, or a number of bytes')

export const count = (least: number) =>
  z.number().int().min(least).describe(`a whole number of at least ${least}`)

export const fraction = z.number().min(0).max(1).describe('a number from 0 to 1')

export const flag = z.boolean().describe('true or false')

export const choice = <const W extends readonly [string, ...string[]]>(...words: W) =>
  z.enum(words).describe(`one of ${words.join(', ')}`)

/** One name or several. */
export const names = z
  .union([text('a name'), z.array(text('a name')).min(1)])
  .describe('a name or a list of names')

/** The library's own reading of a quantity decides, so that the two never differ. */
function holds(read: () => unknown): boolean {
  try {
    read()
    return true
  } catch (error) {
    if (error instanceof StaleproofError) return false
    throw error
  }
}
