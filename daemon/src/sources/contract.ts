/**
 * A source: something that tells us that a name changed.
 *
 * Invariants: after `start` resolved no change goes unreported until `stop`, or `status` says otherwise; what changed
 * since the last life was told of is reported before `start` resolves, where something is kept of that life; `report`
 * may be called at any time in between and does not fail.
 */
/** unseen: it may have changed while nobody looked. */
export type Kind = 'changed' | 'created' | 'removed' | 'unseen'

export interface Change {
  readonly kind: Kind
  readonly names: readonly string[]
  /** Also every name that begins with this text. */
  readonly prefix?: string | undefined
  /** Called once nothing that was made before can be served any more, by the next life neither. */
  readonly delivered?: (() => void) | undefined
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
  /** Resolves when the next life will know of what was delivered until now. */
  kept(): Promise<void>
  stop(): Promise<void>
  status(): SourceStatus
}
