/**
 * Report: what a doctor tells of a directory, and of its repair.
 *
 * Invariant: nothing of LMDB is named here, whose declarations do not hold for every compiler.
 */
import type { Problem } from './doctor-findings.ts'

export interface Inspection {
  readonly directory: string
  readonly format: number
  readonly nodes: readonly NodeSeen[]
  readonly freeBytes: number
  /** What is in it; null if data.mdb cannot be read. */
  readonly tier: TierSeen | null
  readonly records: RecordsSeen | null
  /** Data that could not be read once, and was put aside. */
  readonly asides: readonly Aside[]
  /** Rows that were not what was written, and were put aside. */
  readonly rowsAside: number
  /** Empty: it is in order. */
  readonly problems: readonly Problem[]
}

export interface NodeSeen {
  readonly id: string
  readonly pid: number | null
  readonly lives: boolean
}

export interface TierSeen {
  readonly entries: number
  readonly bytes: number
  readonly valueFiles: number
  /** Files that no row refers to. */
  readonly orphans: number
}

export interface RecordsSeen {
  readonly log: number
  readonly snapshots: number
  readonly jobs: number
  readonly records: number
}

export interface Aside {
  /** Its path. */
  readonly folder: string
  readonly why: string
  readonly salvaged: boolean
}

export interface Repaired {
  /** What was done, a sentence each. */
  readonly done: readonly string[]
  /** What could not be saved. */
  readonly lost: readonly string[]
}
