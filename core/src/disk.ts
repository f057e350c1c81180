/**
 * `staleproof/disk`: a directory as the backing of a cache, and its doctor.
 */
export { disk } from './disk/backing.ts'
export type { DiskOptions } from './disk/backing.ts'
export { inspect, repair } from './disk/doctor.ts'
export type {
  Aside,
  DoctorOptions,
  Inspection,
  NodeSeen,
  Problem,
  ProblemKind,
  RecordsSeen,
  Repaired,
  TierSeen,
} from './disk/doctor.ts'
export type { Backend } from './backing/contract.ts'
