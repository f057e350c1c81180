import type { Clock } from '../model/clock.ts'
import type { ProblemKind } from './doctor-findings.ts'
import type { Environment } from './environment.ts'
import type { Nodes } from './nodes.ts'
import type { Rows } from './rows.ts'

/** What the parts of a repair share. */
export interface Repairing {
  readonly environment: Environment
  readonly nodes: Nodes
  readonly rows: Rows
  readonly clock: Clock
  readonly found: ReadonlySet<ProblemKind>
  readonly done: string[]
  readonly lost: string[]
}
