/**
 * The C library of the system, through koffi, for the few things that Node does not offer. Not on Windows, which has
 * other functions.
 */
import { createRequire } from 'node:module'
import { StaleproofError } from '../model/errors.ts'

/** The part of koffi that is used: its own types need more of TypeScript's libraries than this project has. */
interface Koffi {
  load(path: null): Libc
  view(pointer: unknown, bytes: number): ArrayBuffer
  address(pointer: unknown): bigint
  errno(): number
}

interface Libc {
  /** @param declaration a prototype in C */
  func(declaration: string): (...args: unknown[]) => unknown
}

let library: Libc | undefined

export function libc(): Libc {
  library ??= koffi().load(null)
  return library
}

/** So many bytes of memory at a pointer. */
export function memoryAt(pointer: unknown, bytes: number): ArrayBuffer {
  return koffi().view(pointer, bytes)
}

export function addressOf(pointer: unknown): bigint {
  return koffi().address(pointer)
}

/** Why the last call failed: a number of errno(3). */
export function lastFailure(): number {
  return koffi().errno()
}

function koffi(): Koffi {
  try {
    return createRequire(import.meta.url)('koffi') as Koffi
  } catch (cause) {
    throw new StaleproofError(
      'E_DISK_FAILED',
      "the package koffi, which locks a directory between processes, cannot be loaded; 'npm install koffi', or leave out 'disk'",
      { cause },
    )
  }
}
