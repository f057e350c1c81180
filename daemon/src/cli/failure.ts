/**
 * How a command ends when it does not do what was asked.
 *
 * Invariant: the exit code alone says what happened, so that a script need not read a text.
 */
import type { Problem } from '../api/protocol.ts'

export const exitCodes = {
  done: 0,
  /** It was tried and did not work, or not everywhere. */
  failed: 1,
  /** What was asked, or configured, makes no sense. */
  usage: 2,
  /** There is no such entry or invalidation. */
  notFound: 3,
  unreachable: 4,
  /** It makes sense, but not in the present state. */
  refused: 5,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

export class Failure extends Error {
  readonly exitCode: ExitCode
  /** What the daemon answered, if it did. */
  readonly problem: Problem | undefined

  constructor(exitCode: ExitCode, message: string, more: { problem?: Problem; cause?: unknown } = {}) {
    super(message, { cause: more.cause })
    this.exitCode = exitCode
    this.problem = more.problem
  }
}

export function failureOf(problem: Problem): Failure {
  return new Failure(exitCodeOf(problem), `${problem.detail} (${problem.code})`, { problem })
}

function exitCodeOf({ status }: Problem): ExitCode {
  if (status === 404) return exitCodes.notFound
  if (status === 409) return exitCodes.refused
  return status >= 400 && status < 500 ? exitCodes.usage : exitCodes.failed
}
