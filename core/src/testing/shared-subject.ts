/**
 * A tier that was opened for a case, with the log beside it.
 */
import type { EntryParts } from '../model/entry.ts'
import type { SharedTier } from '../tiers/contract.ts'
import type { Subject } from './case.ts'
import { entryOf } from './entries.ts'
import { Place, type Node, type OpenBacking } from './place.ts'

export interface SharedNode extends Node {
  readonly shared: SharedTier
}

export interface SharedSubject extends Subject {
  readonly node: SharedNode
  readonly tier: SharedTier
  /** Opens the same place once more, as another process would. */
  readonly other: () => Promise<SharedNode>
  readonly entry: (key: string, more?: Partial<EntryParts>) => EntryParts
}

export async function openShared(open: OpenBacking): Promise<SharedSubject> {
  const place = new Place(open)
  const node = await sharing(place)
  const { shared: tier, log } = node
  return {
    who: `the tier '${tier.name}'`,
    node,
    tier,
    other: () => sharing(place),
    // It keeps nothing of another generation.
    entry: (key, more) => entryOf(key, { generation: log.generation, ...more }),
    close: () => place.close(),
  }
}

async function sharing(place: Place): Promise<SharedNode> {
  const node = await place.open()
  const { shared } = node
  if (shared !== undefined) return { ...node, shared }
  await place.close()
  throw new Error(`the backing with the log '${node.log.name}' has no tier that processes share`)
}
