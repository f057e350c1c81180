/**
 * An operation: a call of the tier that takes several steps, with what has to be known of it to carry it out once more.
 */
import type { EntryParts as Entry } from 'staleproof'
import type { Asked } from './seen-hold.ts'

export interface Operation {
  /** That the node is in. */
  readonly generation: string
  /** What is to be settled. */
  readonly entry?: Entry
  /** What `admit` asked for, of each time that something was to be stored. */
  readonly asked: (readonly Asked[])[]
}
