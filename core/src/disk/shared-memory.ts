/**
 * Shared memory: a file that all processes of a directory have mapped (mmap(2)), where what one writes the others see at
 * once, and `Atomics` hold between them. Not on Windows.
 */
import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs'
import { libc, memoryAt } from './libc.ts'

export interface SharedMemory {
  /** Not to be touched after `close`, which would end the process. */
  readonly cells: Int32Array
  close(): void
}

const readWrite = 3
const shared = 1

/** @param bytes whole pages; all are zero in a new file */
export function openSharedMemory(path: string, bytes: number): SharedMemory {
  const file = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o666)
  fill(file, bytes)
  const c = libc()
  const mmap = c.func('void *mmap(void *addr, size_t len, int prot, int flags, int fd, int64_t offset)')
  const munmap = c.func('int munmap(void *addr, size_t len)')
  const pointer = mmap(null, bytes, readWrite, shared, file, 0)
  return {
    cells: new Int32Array(memoryAt(pointer, bytes)),
    close: () => {
      munmap(pointer, bytes)
      closeSync(file)
    },
  }
}

/** Written, not only made that long: a page for which the disk has no room ends who touches it. */
function fill(file: number, bytes: number): void {
  const { size } = fstatSync(file)
  if (size < bytes) writeSync(file, Buffer.alloc(bytes - size), 0, bytes - size, size)
}
