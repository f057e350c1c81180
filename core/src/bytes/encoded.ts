/**
 * Values as bytes, each in the form that is cheapest to read.
 *
 *   none    the value is not here: too large, or it could not be encoded
 *   bytes   Buffer and Uint8Array as they are; handed out as Buffer
 *   ascii, text, wide
 *           text: one byte a unit; UTF-8; UTF-16 (text with half a surrogate pair in it has no UTF-8 of its own)
 *   cbor    anything else, as a structured clone would keep it: instances of classes come back as plain objects
 *   error   an instance of Error (told-error.ts)
 */
import { decode, encode } from './codec.ts'
import { isWellFormed } from './names.ts'
import { errorOf, tell, type ToldError } from './told-error.ts'

export const forms = ['none', 'bytes', 'ascii', 'text', 'wide', 'cbor', 'error'] as const
export type Form = (typeof forms)[number]

/** Text stays text until it is written where it belongs. */
export type Encoded =
  | { readonly form: 'none'; readonly length: 0 }
  | { readonly form: 'bytes' | 'cbor' | 'error'; readonly bytes: Uint8Array; readonly length: number }
  | { readonly form: 'ascii' | 'text' | 'wide'; readonly text: string; readonly length: number }

export const none: Encoded = { form: 'none', length: 0 }

export const encodingOf = { ascii: 'latin1', text: 'utf8', wide: 'utf16le' } as const

/** @throws if there are functions, symbols or other things in it that are no data */
export function encoded(value: unknown): Encoded {
  if (typeof value === 'string') return encodedText(value)
  if (value instanceof Uint8Array) return { form: 'bytes', bytes: value, length: value.length }
  const isError = value instanceof Error
  const bytes = encode(isError ? tell(value) : value)
  return { form: isError ? 'error' : 'cbor', bytes, length: bytes.length }
}

export function encodedText(text: string): Exclude<Encoded, { form: 'none' } | { bytes: Uint8Array }> {
  const length = Buffer.byteLength(text)
  if (length === text.length) return { form: 'ascii', text, length }
  if (isWellFormed(text)) return { form: 'text', text, length }
  return { form: 'wide', text, length: text.length * 2 }
}

/** Writes it at `at`, where there is room for its length. */
export function writeEncoded(value: Encoded, target: Buffer, at: number): void {
  if ('bytes' in value) target.set(value.bytes, at)
  else if ('text' in value) target.write(value.text, at, encodingOf[value.form])
}

/** The value of the bytes before `end`, which may be overwritten afterwards. */
export function decoded(form: Form, bytes: Buffer, end: number): unknown {
  switch (form) {
    case 'none':
      return undefined
    case 'bytes':
      return copyOf(bytes, end)
    case 'cbor':
      return decode(bytes, end)
    case 'error':
      return errorOf(decode(bytes, end) as ToldError)
    default:
      return textOf(form, bytes, { start: 0, end })
  }
}

/** @param form of text; undefined if it is none that is known, and the bytes prove nothing */
export function textOf(
  form: 'ascii' | 'text' | 'wide' | undefined,
  bytes: Buffer,
  { start, end }: { start: number; end: number },
): string {
  return bytes.toString(encodingOf[form ?? 'ascii'], start, end)
}

function copyOf(bytes: Buffer, end: number): Buffer {
  const copy = Buffer.allocUnsafe(end)
  bytes.copy(copy, 0, 0, end)
  return copy
}
