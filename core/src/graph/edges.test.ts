/**
 * Edges against sets of pairs, under random commands; what the cells say of each other is checked after each.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Adjacency } from './adjacency.ts'
import { Edges } from './edges.ts'

type Command =
  | { do: 'add' | 'remove'; dependent: number; dependency: number }
  | { do: 'replace'; dependent: number; dependencies: Map<number, boolean> }

const id = fc.nat(9)
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ do: fc.constantFrom('add' as const, 'remove' as const), dependent: id, dependency: id }),
  fc.record({
    do: fc.constant('replace' as const),
    dependent: id,
    dependencies: fc
      .uniqueArray(fc.tuple(id, fc.boolean()), { selector: ([id]) => id, maxLength: 10 })
      .map((pairs) => new Map(pairs)),
  }),
)

/** Dependent -> dependency -> was it inherited. */
type Model = Map<number, Map<number, boolean>>

function apply(edges: Edges, model: Model, command: Command): void {
  const { dependent } = command
  const known = model.get(dependent) ?? new Map<number, boolean>()
  model.set(dependent, known)
  if (command.do === 'replace') {
    command.dependencies.delete(dependent)
    edges.removeAll(dependent)
    edges.addAll(dependent, command.dependencies)
    model.set(dependent, new Map(command.dependencies))
    return
  }
  const { dependency } = command
  if (dependency === dependent) return
  expect(edges.has(dependent, dependency)).toBe(known.has(dependency))
  if (command.do === 'add') {
    expect(edges.add(dependent, dependency)).toBe(!known.has(dependency))
    if (!known.has(dependency)) known.set(dependency, false)
  } else {
    expect(edges.remove(dependent, dependency)).toBe(known.delete(dependency))
  }
}

function check(edges: Edges, model: Model): void {
  const expected = [...model].flatMap(([from, to]) => [...to].map(([end, flag]) => `${from} ${end} ${flag}`))
  expect(pairs(edges.dependencies, (from, to, flag) => `${from} ${to} ${flag}`)).toEqual(expected.sort())
  expect(pairs(edges.dependents, (from, to, flag) => `${to} ${from} ${flag}`)).toEqual(expected.sort())
  expect(edges.size).toBe(expected.length)
  checkTwins(edges.dependencies, edges.dependents)
  checkTwins(edges.dependents, edges.dependencies)
}

function pairs(list: Adjacency, text: (from: number, to: number, flag: boolean) => string): string[] {
  const found: string[] = []
  eachCell(list, (node, place) => {
    const cell = list.cellAt(node, place)
    found.push(text(node, cell >> 1, (cell & 1) === 1))
  })
  return found.sort()
}

function checkTwins(list: Adjacency, opposite: Adjacency): void {
  eachCell(list, (node, place) => {
    const cell = list.cellAt(node, place)
    const back = list.backAt(node, place)
    expect(opposite.cellAt(cell >> 1, back)).toBe((node << 1) | (cell & 1))
    expect(opposite.backAt(cell >> 1, back)).toBe(place)
  })
}

function eachCell(list: Adjacency, visit: (node: number, place: number) => void): void {
  for (let node = 0; 2 * node < list.nodes.length; node++) {
    for (let place = 0; place < list.count(node); place++) visit(node, place)
  }
}

function holds(makeEdges: () => Edges) {
  return fc.check(
    fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
      const edges = makeEdges()
      const model: Model = new Map()
      for (const command of commands) {
        apply(edges, model, command)
        check(edges, model)
      }
    }),
    { numRuns: 300 },
  )
}

describe('edges are the pairs that were added and not removed, and twins know each other', () => {
  test('under any commands', () => {
    const { failed, counterexample, errorInstance } = holds(() => new Edges())
    expect(failed, `${JSON.stringify(counterexample)} ${String(errorInstance)}`).toBe(false)
  })

  const mutations: Record<string, (edges: Edges) => void> = {
    'a twin is not told that its other has moved': ({ dependents }) => {
      dependents.setBack = () => {}
    },
    'dropping a cell leaves the list as long as it was': ({ dependencies }) => {
      dependencies.drop = () => {}
    },
    'clearing a node leaves its cells': ({ dependencies }) => {
      dependencies.clear = () => {}
    },
    'an edge is searched at its dependent only by luck': (edges) => {
      edges.has = () => false
    },
  }
  test.each(Object.entries(mutations))('red if %s', (_, mutate) => {
    const { failed } = holds(() => {
      const edges = new Edges()
      mutate(edges)
      return edges
    })
    expect(failed).toBe(true)
  })
})

test('a name with 100,000 dependents: each is removed without looking through the others', () => {
  const edges = new Edges()
  let looks = 0
  const { cellAt } = edges.dependents
  edges.dependents.cellAt = function (this: Adjacency, node, place) {
    looks++
    return cellAt.call(this, node, place)
  }
  for (let dependent = 1; dependent <= 100_000; dependent++) edges.add(dependent, 0)
  for (let dependent = 1; dependent <= 100_000; dependent++) edges.removeAll(dependent)
  expect(edges.size).toBe(0)
  expect(looks).toBeLessThan(300_000)
})

describe('the pool', () => {
  /** Entries are loaded again and again, with one to thirteen dependencies out of five hundred. */
  function churn(edges: Edges, rounds: number): void {
    for (let round = 1; round < rounds; round++) {
      for (let dependent = 0; dependent < 1000; dependent++) {
        const degree = 1 + ((dependent * 7 + round) % 13)
        const dependencies = Array.from({ length: degree }, (_, i) => 1000 + ((dependent + i * round) % 500))
        edges.removeAll(dependent)
        edges.addAll(dependent, new Map(dependencies.map((dependency) => [dependency, isOdd(dependency)])))
      }
    }
  }
  const isOdd = (dependency: number) => dependency % 2 === 1

  test('uses again what was freed, and nothing is in two blocks', () => {
    const edges = new Edges()
    churn(edges, 20)
    const before = edges.bytes
    churn(edges, 100)
    expect(edges.bytes).toBeLessThan(before * 1.5)
    checkTwins(edges.dependencies, edges.dependents)
    checkTwins(edges.dependents, edges.dependencies)
  })

  test('gets back the block of a name whose dependents have gone, but for one', () => {
    const edges = new Edges()
    const moveTo = (hub: number) => {
      for (let dependent = 100; dependent < 10_000; dependent++) {
        if (dependent > 100) edges.remove(dependent, hub - 1)
        edges.add(dependent, hub)
      }
    }
    moveTo(1)
    const before = edges.bytes
    for (let hub = 2; hub < 10; hub++) moveTo(hub)
    expect(edges.dependents.count(5)).toBe(1)
    expect(edges.bytes).toBeLessThan(before * 1.5)
  })
})
