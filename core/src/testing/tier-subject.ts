/**
 * A tier that was opened for a case.
 */
import type { EntryParts } from '../model/entry.ts'
import type { Answer, Tier } from '../tiers/contract.ts'
import type { Subject } from './case.ts'

export interface TierSubject extends Subject {
  readonly tier: Tier
  readonly entry: (key: string, more?: Partial<EntryParts>) => EntryParts
  /** Undefined if it is not known how. */
  readonly cutOff: (() => Answer<void>) | undefined
}
