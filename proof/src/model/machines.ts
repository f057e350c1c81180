/**
 * The model of the protocol between machines: all moves of all who take part, in one world.
 */
import type { Model } from './checker.ts'
import { nodeMoves } from './node.ts'
import { brokenPromise } from './promises.ts'
import { readingMoves } from './reading.ts'
import { redisMoves } from './redis.ts'
import { allRules, type Rules, type Setting, smallest } from './rules.ts'
import { keyOf, startOf, type State } from './state.ts'
import { writerMoves } from './writer.ts'

export function machines(changes: Partial<Setting>, off?: keyof Rules): Model<State> {
  const setting = { ...smallest, ...changes }
  const rules = off === undefined ? allRules : { ...allRules, [off]: false }
  const world = { rules, setting }
  return {
    start: startOf(setting),
    moves(state, visit) {
      writerMoves(state, world, visit)
      redisMoves(state, world, visit)
      nodeMoves(state, world, visit)
      readingMoves(state, world, visit)
    },
    broken: (state) => brokenPromise(state, world),
    key: keyOf,
  }
}
