/**
 * Lazy and immediate, side by side: the same program twice, and whatever readers are told of the truth is the same.
 *
 * The truth moves only when it is announced, so that it does not matter whether a value was kept or loaded again: a
 * reader may be told "not there" at any time. What the orders of two loads do to each other is not compared: one step
 * ends before the next begins.
 */
import fc from 'fast-check'
import type { Strategy } from 'staleproof'
import type { Library } from './library.ts'
import { keys, programs, type Program, type Step } from './program.ts'
import { atOnce, runSteady } from './steady.ts'
import type { Made } from './truth.ts'
import { World } from './world.ts'

const inThese = programs({
  steps: { getOrSet: 5, change: 4, get: 2, entry: 1, set: 1, delete: 1, advance: 1 },
  strategies: ['lazy'],
  modes: ['purge', 'soft'],
  policies: ['plain', 'short', 'grace'],
  length: [4, 14],
  clientsMax: 1,
})

export const sameForReaders = (library: Library) =>
  fc.asyncProperty(inThese, async (program) => {
    const lazy = await told(library, program, 'lazy')
    const immediate = await told(library, program, 'immediate')
    for (const [i, answers] of lazy.entries()) {
      for (const [key, answer] of answers) {
        const other = immediate[i]?.get(key)
        if (other !== undefined && answer !== other) {
          throw new Error(`after step ${i}, ${key}: lazy ${answer}, immediate ${other}`)
        }
      }
    }
  })

/** After each step: key -> what it was made from, of those that are there. */
async function told(library: Library, program: Program, strategy: Strategy): Promise<Map<string, string>[]> {
  const world = new World(library, program, { pause: atOnce })
  const answers: Map<string, string>[] = []
  for (const step of program.clients.flat()) {
    await runSteady(world, [withStrategy(step, strategy)])
    const found = await world.cache.getMany<Made>(keys)
    answers.push(new Map([...found].map(([key, { versions }]) => [key, JSON.stringify(versions)])))
  }
  return answers
}

function withStrategy(step: Step, strategy: Strategy): Step {
  return step.do === 'change' ? { ...step, strategy } : step
}
