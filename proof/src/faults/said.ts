/**
 * What the conductor tells a node, and what a node says of itself: a line of JSON each, through its standard streams.
 */
export interface NodeOptions {
  /** Folder of the library's copy. */
  readonly library: string
  /** Of this node's way to the server, or to the sentinel that knows it. */
  readonly url: string
  readonly hasSentinel: boolean
  /** That have to have what is acknowledged. */
  readonly replicas: number
  /** Of this node alone, the same each time it is started; none, if it has none. */
  readonly directory?: string
  readonly leaseMs: number
  /** File of the truth that all nodes share. */
  readonly truth: string
  readonly slot: number
  readonly slots: number
  readonly seed: number
  /** The answer of that number is told as if it had been stale: whether the judge sees it. */
  readonly plantAt?: number
}

export type Order =
  | { readonly do: 'clock'; readonly stepMs: number }
  /** Appends that many records of names that nobody reads. */
  | { readonly do: 'flood'; readonly count: number }
  /** Writes no more, and ends what it has begun. */
  | { readonly do: 'rest' }
  /** Invalidates strictly all that it owns, until that is done. */
  | { readonly do: 'settle' }
  /** Reads with the token of a change that another node made. */
  | ({ readonly do: 'hand on' } & Handed)
  /** Says how these queued invalidations ended, and finds fault with those that do not end. */
  | { readonly do: 'account'; readonly ids: readonly string[] }
  /** Looks at everything: all was settled. */
  | { readonly do: 'check' }
  | { readonly do: 'quit' }

export interface Handed {
  readonly name: string
  readonly version: number
  readonly token: string
}

/** Moments in ms of the monotonic clock that all processes of the machine share. */
export type Word =
  | { readonly say: 'ready' | 'rested' | 'settled' | 'accounted' | 'checked' }
  /** Since the last of these. */
  | ({ readonly say: 'tally' } & Tally)
  | ({ readonly say: 'token' } & Handed)
  /** A change that was acknowledged, and that its log has to have. */
  | { readonly say: 'logged'; readonly began: number; readonly token: string }
  /** An invalidation that was accepted into the queue. */
  | { readonly say: 'queued'; readonly id: string; readonly began: number }
  | { readonly say: 'ended'; readonly id: string; readonly how: 'completed' | 'failed' | 'cancelled' }
  | { readonly say: 'fault'; readonly text: string; readonly at: number }
  | {
      readonly say: 'strict'
      readonly began: number
      readonly ended: number
      /** 'done', or the code of the error. */
      readonly how: string
    }

export interface Tally {
  /** Answers that were judged. */
  readonly reads: number
  /** Those that were values. */
  readonly found: number
  /** Looks that were made while it had no lease. */
  readonly fenced: number
  readonly loads: number
  readonly eventual: number
  /** Reads with a token of another node. */
  readonly handed: number
  /** Values that came from the directory. */
  readonly kept: number
}

export function nowMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000
}
