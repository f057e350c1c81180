/**
 * Lazy and immediate, side by side: the same program twice, and every reader gets the same.
 *
 * Loaders wait at gates that the program opens, so that both runs go through the same moments. Nothing is evicted and
 * the tier never fails: bytes that are removed later leave less room, which is no promise of either strategy.
 */
import fc from 'fast-check'
import type { Strategy } from 'staleproof'
import type { Library } from './library.ts'
import { programs, type Program, type Step } from './program.ts'
import { settle } from './steady.ts'
import { World } from './world.ts'

const inThese = programs({
  steps: { getOrSet: 6, change: 4, write: 2, get: 2, peek: 1, set: 1, fill: 1, advance: 1 },
  strategies: ['lazy'],
  policies: ['plain', 'short', 'grace'],
  entriesMax: [undefined],
  clientsMax: 2,
})
/** How many gates are opened after each step, and which of those that wait. */
const openings = fc.array(fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 5 })), { maxLength: 16 })

export const sameForReaders = (library: Library) =>
  fc.asyncProperty(inThese, openings, async (program, gates) => {
    const lazy = await answers(library, program, { gates, strategy: 'lazy' })
    const immediate = await answers(library, program, { gates, strategy: 'immediate' })
    if (lazy === immediate) return
    throw new Error(`lazy:\n${lazy}\nimmediate:\n${immediate}`)
  })

interface Way {
  readonly gates: readonly (readonly [number, number])[]
  readonly strategy: Strategy
}

async function answers(library: Library, program: Program, { gates, strategy }: Way): Promise<string> {
  const waiting: (() => void)[] = []
  const pause = (label: string) =>
    label.startsWith('k:') ? new Promise<void>((open) => waiting.push(open)) : Promise.resolve()
  const world = new World(library, program, { pause })
  const open = async (place: number) => {
    waiting.splice(place % waiting.length, 1)[0]?.()
    await settle()
  }
  const under: Promise<void>[] = []
  for (const [i, step] of program.clients.flat().entries()) {
    under.push(world.client([withStrategy(step, strategy)]))
    await settle()
    const [count, place] = gates[i] ?? [1, 0]
    for (let opened = 0; opened < count && waiting.length > 0; opened++) await open(place)
  }
  while (waiting.length > 0) await open(0)
  await Promise.all(under)
  return [...world.answers, ...world.faults].join('\n')
}

function withStrategy(step: Step, strategy: Strategy): Step {
  return step.do === 'change' ? { ...step, strategy } : step
}
