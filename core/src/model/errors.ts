/**
 * The one error class of the library.
 *
 * `code` is stable and names the room that raised it (`E_LOADING_CYCLE`); `message` says what was tried and
 * what to do about it; `details` carries the same facts for programs.
 */
export type ErrorCode = `E_${string}`

export class StaleproofError extends Error {
  override readonly name = 'StaleproofError'
  readonly code: ErrorCode
  readonly details: Readonly<Record<string, unknown>>

  constructor(
    code: ErrorCode,
    message: string,
    more: { cause?: unknown; details?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause })
    this.code = code
    this.details = more.details ?? {}
  }
}
