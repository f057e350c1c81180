/**
 * `staleproof/disk`: a directory as the backing of a cache.
 */
export { disk } from './disk/backing.ts'
export type { DiskOptions } from './disk/backing.ts'
export type { Backend } from './backing/contract.ts'
