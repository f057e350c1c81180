/**
 * A source: something that tells us that a name changed.
 *
 * Invariants: after `start` resolved no change goes unreported until `stop`, or `status` says otherwise; what
 * is true when `start` is called is not a change; `report` may be called at any time in between and does not fail.
 */
export type Kind = 'changed' | 'created' | 'removed'

export interface Change {
  readonly kind: Kind
  readonly names: readonly string[]
  /** Also every name that begins with this text. */
  readonly prefix?: string | undefined
}

export type Report = (change: Change) => void

export interface SourceStatus {
  /** `files:/photos` */
  readonly name: string
  /** degraded: it works, but some changes may go unseen; waiting: it sees nothing now and tries again. */
  readonly state: 'starting' | 'watching' | 'degraded' | 'waiting' | 'stopped'
  /** What is wrong and what to do about it; null if nothing is. */
  readonly problem: string | null
  /** Things watched, such as files. */
  readonly watched: number
  /** Changes reported since the start. */
  readonly changes: number
  /** ms since 1970; null if there was none. */
  readonly lastChangeAt: number | null
}

export interface Source {
  /** @throws an error with a code that names what it could not begin to watch */
  start(report: Report): Promise<void>
  stop(): Promise<void>
  status(): SourceStatus
}
