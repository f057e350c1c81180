/**
 * `staleproof/disk`: a directory as the backing of a cache, and its doctor.
 */
export { disk } from './disk/backing.ts'
export type { DiskOptions } from './disk/backing.ts'
export { inspect, repair } from './disk/doctor.ts'
export type { DoctorOptions } from './disk/doctor.ts'
export type { Problem, ProblemKind } from './disk/doctor-findings.ts'
export type { Aside, Inspection, NodeSeen, RecordsSeen, Repaired, TierSeen } from './disk/doctor-report.ts'
export type { Backend } from './backing/contract.ts'
