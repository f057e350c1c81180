/**
 * Errors as plain values, so that one that a loader threw can be kept and thrown again by another process.
 *
 * Kept are name, message, stack, code, cause and own enumerable fields; what of them cannot be encoded is left out.
 * An error of the language comes back as an instance of its class, one of ours as a StaleproofError, any other as Error.
 */
import { StaleproofError, type ErrorCode } from '../model/errors.ts'
import { encode } from './codec.ts'

export interface ToldError {
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  readonly fields: Record<string, unknown>
  readonly cause: { readonly error: ToldError } | { readonly value: unknown } | undefined
  readonly isOurs: boolean
}

/** Causes of causes that are kept. */
const depthMax = 8

const classes: Record<string, new (message: string) => Error> = {
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
}

export function tell(error: Error, depth = 0): ToldError {
  const { name, message, stack, cause } = error
  const code = (error as { code?: unknown }).code
  return {
    name: String(name),
    message: String(message),
    stack: stack === undefined ? undefined : String(stack),
    fields: encodable({ ...(error as object), ...(code === undefined ? {} : { code }) }),
    cause: cause === undefined ? undefined : tellCause(cause, depth),
    isOurs: error instanceof StaleproofError,
  }
}

function tellCause(cause: unknown, depth: number): ToldError['cause'] {
  if (depth >= depthMax) return undefined
  if (cause instanceof Error) return { error: tell(cause, depth + 1) }
  return isEncodable(cause) ? { value: cause } : undefined
}

function encodable(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).filter(([name, value]) => name !== 'cause' && isEncodable(value)),
  )
}

function isEncodable(value: unknown): boolean {
  try {
    encode(value)
    return true
  } catch {
    return false
  }
}

export function errorOf({ name, message, stack, fields, cause, isOurs }: ToldError): Error {
  const more = cause === undefined ? {} : { cause: 'error' in cause ? errorOf(cause.error) : cause.value }
  const error = isOurs ? ours(message, fields, more) : new (classes[name] ?? Error)(message)
  if (!isOurs) {
    if (error.name !== name) define(error, 'name', name)
    if ('cause' in more) define(error, 'cause', more.cause)
    Object.assign(error, fields)
  }
  define(error, 'stack', stack)
  return error
}

function ours(message: string, fields: Record<string, unknown>, more: { cause?: unknown }): StaleproofError {
  const details = (fields['details'] ?? {}) as Record<string, unknown>
  return new StaleproofError(fields['code'] as ErrorCode, message, { ...more, details })
}

/** As the language defines them: not enumerable. */
function define(error: Error, field: string, value: unknown): void {
  Object.defineProperty(error, field, { value, writable: true, configurable: true, enumerable: false })
}
