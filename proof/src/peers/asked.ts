/**
 * What a process with a peer's cache is asked, and on what.
 */
import type { TruthShape } from '../crash/shared-truth.ts'

export interface PeerNodeOptions {
  readonly peer: string
  readonly port: number
  readonly truth: string
}

export interface Asked {
  readonly id: number
  readonly ask: 'read' | 'invalidate' | 'slow' | 'watch' | 'unwatch'
  readonly ms?: number
}

export interface Answered {
  readonly id: number
  readonly value?: number
}

export const shape: TruthShape = {
  names: Array.from({ length: 100 }, (_, i) => `key:${i}`),
  declarations: [],
  slots: 1,
}
