/**
 * Shared memory: a file that all processes of a directory have mapped (mmap(2)), where what one writes the others see at
 * once, and `Atomics` hold between them. Not on Windows.
 */
import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs'
import { StaleproofError } from '../model/errors.ts'
import { addressOf, lastFailure, libc, memoryAt } from './libc.ts'

export interface SharedMemory {
  /** Not to be touched after `close`, which would end the process. */
  readonly buffer: ArrayBuffer
  close(): void
}

const readWrite = 3
const shared = 1
/** MAP_FAILED */
const failed = 2n ** 64n - 1n

/** @param bytes whole pages; all are zero in a new file @throws E_DISK_FAILED, and what the file system says */
export function openSharedMemory(path: string, bytes: number): SharedMemory {
  const file = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o666)
  try {
    fill(file, bytes)
    const c = libc()
    const mmap = c.func('void *mmap(void *addr, size_t len, int prot, int flags, int fd, int64_t offset)')
    const munmap = c.func('int munmap(void *addr, size_t len)')
    const pointer = mmap(null, bytes, readWrite, shared, file, 0)
    if (BigInt.asUintN(64, addressOf(pointer)) === failed) throw unmapped(path)
    const close = () => {
      munmap(pointer, bytes)
      closeSync(file)
    }
    return { buffer: memoryAt(pointer, bytes), close }
  } catch (error) {
    closeSync(file)
    throw error
  }
}

/** Written, not only made that long: a page for which the disk has no room ends who touches it. */
function fill(file: number, bytes: number): void {
  for (let at = fstatSync(file).size; at < bytes; )
    at += writeSync(file, Buffer.alloc(bytes - at), 0, bytes - at, at)
}

function unmapped(path: string): StaleproofError {
  return new StaleproofError(
    'E_DISK_FAILED',
    `${path} cannot be mapped into memory (errno ${lastFailure()}); give a directory on a local disk`,
    { details: { path } },
  )
}
