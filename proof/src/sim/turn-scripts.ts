/**
 * The scripts of the library's turns (redis/turns-lua.ts), simulated.
 *
 * Invariants: each script is one atomic step; a turn is gone when its time ran out by the clock of the server, which is a
 * step of its own (`turnRanOut`).
 */
import type { Argument, Reply } from './driver.ts'
import { TierScripts } from './tier-scripts.ts'
import { without } from './log-scripts.ts'

export abstract class TurnScripts extends TierScripts {
  turnRanOut(id: string): void {
    this.do((store) => (store.turns = without(store.turns, [id])))
  }

  /** Ids of the keys whose turns have run out by now. */
  protected get ranOut(): readonly string[] {
    const { turns } = this.store
    if (turns.size === 0) return []
    const now = this.now()
    return [...turns].flatMap(([id, { until }]) => (until <= now ? [id] : []))
  }

  protected turnScript(name: string, [id = '', node = '', ms]: readonly Argument[]): Reply {
    const holder = this.turnOf(String(id))
    if (name === 'turns.take') {
      if (holder !== undefined && holder !== node) return 0
      const turn = { node: String(node), until: this.now() + Number(ms) }
      this.do((store) => (store.turns = new Map(store.turns).set(String(id), turn)))
      return 1
    }
    if (holder !== node) return 0
    this.turnRanOut(String(id))
    return 1
  }

  protected turnOf(id: string): string | undefined {
    return this.store.turns.get(id)?.node
  }
}
