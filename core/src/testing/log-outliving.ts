/**
 * What a log promises that outlives the process, and that several have open.
 */
import type { Position } from '../model/position.ts'
import { equal, isTrue, outcomeOf, type Outcome, type Plays, type Subject } from './case.ts'
import { Chance } from './chance.ts'
import { caughtUp, type Node, type Place } from './place.ts'

export interface LogSubject extends Subject {
  readonly place: Place
  readonly node: Node
}

const seeds: readonly number[] = [1, 2, 3]
/** So many that it is worth keeping what they amount to. */
const many = 600

export const outlivingPlays: Plays<LogSubject> = {
  'knows what was appended when it is opened again, and goes on from there': async ({ node, place }) => {
    await appendAll(node, ['a', 'b', 'c'])
    await place.end(node)
    const again = await place.open()
    equal('the generation', again.log.generation, node.log.generation)
    equal('the records', again.witness.records, node.witness.records)
    equal('those known as its own', again.witness.own, [])
    const position = await again.log.append({ kind: 'change', names: ['d'] })
    equal('the next position', position, { generation: node.log.generation, n: 4 })
  },

  [`knows what ${many} records amount to when it is opened again, and again`]: async ({ node, place }) => {
    let last = node
    for (let round = 1; round <= 3; round++) {
      await appendAll(
        last,
        Array.from({ length: many }, (_, i) => `${round}:${i}`),
      )
      const { records } = last.witness
      await place.end(last)
      last = await place.open()
      equal(`how many it knows in round ${round}`, last.log.applied, round * many)
      equal(`whether they are the same in round ${round}`, last.witness.records, records)
    }
  },

  'has what append said is there when it is opened again, though it was closed at once': async (subject) => {
    const { node, place } = subject
    const names = Array.from({ length: 20 }, (_, i) => `a${i}`)
    const appended = names.map((name) => outcomeOf(() => node.log.append({ kind: 'change', names: [name] })))
    await place.end(node)
    const outcomes: Outcome<Position>[] = await Promise.all(appended)
    const { records } = (await place.open()).witness
    for (const [i, outcome] of outcomes.entries()) {
      if ('error' in outcome) continue
      equal(`the record at ${outcome.answer.n}`, records[outcome.answer.n - 1]?.names, [names[i]])
    }
  },

  'applies with catchUp all that others had appended, and not as its own': async ({ node, place }) => {
    const other = await place.open()
    equal('the generation of the other', other.log.generation, node.log.generation)
    await appendAll(other, ['a', 'b'])
    await caughtUp(node.log)
    equal('the position', node.log.applied, 2)
    equal('the records', node.witness.records, other.witness.records)
    equal('those known as its own', [node.witness.own, other.witness.own], [[], [1, 2]])
  },

  'calls back when what others appended before has been applied': async ({ node, place }) => {
    const other = await place.open()
    await appendAll(other, ['a', 'b'])
    const seen: string[] = []
    node.witness.onApply = ({ n }) => seen.push(`applied ${n}`)
    await node.log.append({ kind: 'change', names: ['c'] }, (n) => seen.push(`before ${n}`))
    equal('what was called', seen.slice(-2), ['before 3', 'applied 3'])
    equal('the positions applied', node.witness.positions, [1, 2, 3])
  },

  ...Object.fromEntries(
    seeds.map((seed) => [
      `gives each position once, and applies all in order, however the appends of several mix (seed ${seed})`,
      (subject: LogSubject) => mix(subject, new Chance(seed)),
    ]),
  ),
}

async function mix({ node, place }: LogSubject, chance: Chance): Promise<void> {
  const nodes = [node, await place.open(), await place.open()]
  const names = Array.from({ length: 10 + chance.below(30) }, (_, i) => `a${i}`)
  const positions = await Promise.all(
    names.map((name) => {
      return (nodes[chance.below(nodes.length)] as Node).log.append({ kind: 'change', names: [name] })
    }),
  )
  const wanted = names.map((_, i) => i + 1)
  equal('the positions given', positions.map(({ n }) => n).sort(byNumber), wanted)
  for (const { log, witness } of nodes) {
    await caughtUp(log)
    equal('the positions applied', witness.positions, wanted)
    for (const [i, { n }] of positions.entries()) {
      equal(`the record at ${n}`, witness.records[n - 1]?.names, [names[i]])
    }
  }
  const owned = nodes.flatMap(({ witness }) => witness.own)
  equal('the positions that one of them knows as its own', owned.sort(byNumber), wanted)
}

async function appendAll({ log }: Node, names: readonly string[]): Promise<void> {
  const positions = await Promise.all(names.map((name) => log.append({ kind: 'change', names: [name] })))
  isTrue('whether all is applied', log.applied >= (positions.at(-1)?.n ?? 0))
}

function byNumber(a: number, b: number): number {
  return a - b
}
