/**
 * The C library of the system, through koffi, for the few things that Node does not offer.
 */
import { createRequire } from 'node:module'

/** The part of koffi that is used: its own types need more of TypeScript's libraries than this project has. */
interface Koffi {
  load(path: null): Libc
  view(pointer: unknown, bytes: number): ArrayBuffer
}

interface Libc {
  /** @param declaration a prototype in C */
  func(declaration: string): (...args: unknown[]) => unknown
}

/** Undefined where koffi is not installed, and on Windows, which has other functions. */
export function libc(): Libc | undefined {
  return koffi()?.load(null)
}

/** So many bytes of memory at a pointer. */
export function memoryAt(pointer: unknown, bytes: number): ArrayBuffer {
  return (koffi() as Koffi).view(pointer, bytes)
}

function koffi(): Koffi | undefined {
  if (process.platform === 'win32') return undefined
  try {
    return createRequire(import.meta.url)('koffi') as Koffi
  } catch {
    return undefined
  }
}
