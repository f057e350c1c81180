/**
 * What a server or its client says of a failure, in the words and codes of the library.
 */
import { ReplyError } from 'ioredis'
import { StaleproofError, type ErrorCode } from '../model/errors.ts'

/** How a reply begins -> code, and what to do. What stands nowhere here may pass: the server is not to be reached now. */
const kinds: readonly (readonly [RegExp, ErrorCode, string])[] = [
  [/^OOM/, 'E_REDIS_FULL', '; raise maxmemory, or let it hold less'],
  [
    /^(NOAUTH|WRONGPASS|NOPERM)/,
    'E_REDIS_REFUSED',
    '; see docs/redis.md for what the user must be allowed to do',
  ],
  [/^(MOVED|ASK)/, 'E_REDIS_FAILED', '; it is a node of a cluster: name it as `cluster`, not as `url`'],
  [/^(ERR|WRONGTYPE|NOSCRIPT|CROSSSLOT|EXECABORT|MISCONF|NOREPLICAS)/, 'E_REDIS_FAILED', ''],
]

/** @param cause why there is no connection, if there is none */
export function told(error: unknown, cause: unknown): StaleproofError {
  // A cluster says that all of its servers failed, and last this one.
  const failure = (cause as { lastNodeError?: unknown } | undefined)?.lastNodeError ?? cause
  const what = error instanceof ReplyError ? wordsOf(error) : silence(error, failure)
  const reply = error instanceof ReplyError ? error : failure
  const [, code, advice] =
    (reply instanceof ReplyError && kinds.find(([words]) => words.test(wordsOf(reply)))) || unreachable
  return new StaleproofError(code, `Redis: ${what}${advice}`, { cause: error })
}

const unreachable = [undefined, 'E_REDIS_UNREACHABLE', ''] as const

function silence(error: unknown, failure: unknown): string {
  if (wordsOf(error) === 'Command timed out') return 'it gave no answer in time'
  const why = failure === undefined ? '' : `: ${wordsOf(failure)}`
  return `there is no connection${why}`
}

/** An error of several addresses has no message but theirs. */
function wordsOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(wordsOf).join(', ')
  return error instanceof Error ? error.message : String(error)
}
