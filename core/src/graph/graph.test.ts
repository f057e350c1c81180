/**
 * The graph after any history against graphology: what a cascade reaches, how deep, and in which order.
 */
import fc from 'fast-check'
import { DirectedGraph } from 'graphology'
import { bfsFromNode } from 'graphology-traversal'
import { describe, expect, test } from 'vitest'
import type { Cascade, CascadeOptions, Reached } from './cascade.ts'
import { Graph } from './graph.ts'
import type { Targets } from './targets.ts'

const texts = Array.from({ length: 9 }, (_, i) => `n${i}`)
const text = fc.constantFrom(...texts)
const someTexts = fc.array(text, { maxLength: 3 })
const operation = fc.oneof(
  fc.record({ do: fc.constantFrom('link' as const, 'unlink' as const), dependent: text, dependency: text }),
  fc.record({ do: fc.constant('track' as const), key: text, direct: someTexts, inherited: someTexts }),
  fc.record({ do: fc.constant('untrack' as const), key: text }),
)
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never

/** What the operations come to, each edge from dependency to dependent. */
class Model {
  readonly links = new Set<string>()
  /** Key -> dependency -> is it inherited. */
  readonly tracked = new Map<string, Map<string, boolean>>()

  apply(operation: Operation): void {
    if (operation.do === 'untrack') this.tracked.delete(operation.key)
    else if (operation.do === 'track') {
      const { key, direct, inherited } = operation
      const dependencies = new Map(inherited.map((name) => [name, true]))
      for (const name of direct) dependencies.set(name, false)
      dependencies.delete(key)
      this.tracked.set(key, dependencies)
    } else {
      const { dependent, dependency } = operation
      if (dependent === dependency) return
      this.links[operation.do === 'link' ? 'add' : 'delete'](`${dependency} ${dependent}`)
    }
  }

  graph({ inherited }: { inherited: boolean }): DirectedGraph {
    const graph = new DirectedGraph()
    for (const name of texts) graph.addNode(name)
    for (const link of this.links) graph.mergeEdge(...(link.split(' ') as [string, string]))
    for (const [key, dependencies] of this.tracked) {
      for (const [name, isInherited] of dependencies) {
        if (inherited || !isInherited) graph.mergeEdge(name, key)
      }
    }
    return graph
  }

  /** The names that the graph has to know. */
  names(): Set<string> {
    const tracked = [...this.tracked].flatMap(([key, dependencies]) => [key, ...dependencies.keys()])
    return new Set([...[...this.links].flatMap((link) => link.split(' ')), ...tracked])
  }
}

/** Name -> least number of edges from one of the names. */
function depthsFrom(names: readonly string[], graph: DirectedGraph): Map<string, number> {
  const depths = new Map<string, number>()
  const copy = graph.copy()
  copy.addNode('targets')
  for (const name of names) copy.mergeEdge('targets', name)
  bfsFromNode(copy, 'targets', (name, _, depth) => {
    if (depth > 0) depths.set(name, depth - 1)
  })
  return depths
}

function leads(graph: DirectedGraph, from: string, to: string): boolean {
  return depthsFrom([from], graph).has(to)
}

interface Case {
  readonly model: Model
  readonly targets: readonly string[]
  readonly items: readonly Reached[]
  readonly cascade: Cascade
}

function checkMembers({ model, targets, items }: Case): void {
  const reachable = depthsFrom(targets, model.graph({ inherited: true }))
  expect(items.map(({ name }) => name).sort()).toEqual([...reachable.keys()].sort())
}

function checkDepths({ model, targets, items }: Case): void {
  const all = model.graph({ inherited: true })
  const direct = depthsFrom(targets, model.graph({ inherited: false }))
  const depths = new Map(items.map(({ name, depth }) => [name, depth]))
  for (const { name, depth, because } of items) {
    if (direct.has(name)) expect([name, depth]).toEqual([name, direct.get(name)])
    if (because === null) expect(targets).toContain(name)
    else expect([all.hasEdge(because, name), depths.get(because)]).toEqual([true, depth - 1])
  }
}

/** Dependencies come first, but along edges that would close a circle among those that are kept. */
function checkBroken({ model, items }: Case): void {
  const { forward, backward } = edgesByDirection(model, items)
  for (const [from, to] of backward) expect([from, to, leads(forward, to, from)]).toEqual([from, to, true])
}

/** Members of a circle are together, and between groups dependencies come first. */
function checkMaintained({ model, items }: Case): void {
  const { all, backward } = edgesByDirection(model, items)
  for (const [from, to] of backward) expect([from, to, leads(all, to, from)]).toEqual([from, to, true])
  const groups = items.map(({ name }) => groupOf(all, name).join(' '))
  const changes = groups.filter((group, i) => group !== groups[i - 1])
  expect(changes.length).toBe(new Set(groups).size)
}

function checkCycles({ model, items, cascade }: Case): void {
  const { all } = edgesByDirection(model, items)
  const groups = items.map(({ name }) => groupOf(all, name)).filter((group) => group.length > 1)
  const expected = [...new Set(groups.map((group) => group.join(' ')))]
  expect(cascade.cycles.map((group) => [...group].sort().join(' ')).sort()).toEqual(expected.sort())
}

function groupOf(graph: DirectedGraph, name: string): string[] {
  return graph
    .nodes()
    .filter((other) => leads(graph, name, other) && leads(graph, other, name))
    .sort()
}

function edgesByDirection(model: Model, items: readonly Reached[]) {
  const places = new Map(items.map(({ name }, place) => [name, place]))
  const all = model.graph({ inherited: true })
  for (const name of texts) if (!places.has(name)) all.dropNode(name)
  const forward = all.copy()
  const backward: [string, string][] = []
  all.forEachEdge((edge, _, from, to) => {
    if ((places.get(from) as number) < (places.get(to) as number)) return
    forward.dropEdge(edge)
    backward.push([from, to])
  })
  return { all, forward, backward }
}

function checkGraph(graph: Graph, model: Model): void {
  expect(graph.sizes().names).toBe(model.names().size)
  for (const name of texts) {
    expect(graph.isHeld(name)).toBe(model.tracked.has(name))
    const expected = [...model.tracked].filter(([, names]) => names.has(name)).map(([key]) => key)
    const seen: string[] = []
    graph.trackedDependents(name, (key) => seen.push(key) > 0)
    expect(seen.sort()).toEqual(expected.sort())
    expect(graph.trackedDependentCount(name)).toBe(expected.length)
    expect(graph.linksOf(name).sort()).toEqual(
      [...model.links]
        .filter((link) => link.endsWith(` ${name}`))
        .map((link) => link.slice(0, link.indexOf(' ')))
        .sort(),
    )
  }
}

type Subject = new () => Graph

function holds(Subject: Subject, numRuns = 400) {
  const history = fc.array(operation, { maxLength: 40 })
  const targets = fc.uniqueArray(text, { minLength: 1, maxLength: 3 })
  const property = fc.property(history, history, targets, (before, after, targets) => {
    const graph = new Subject()
    const model = new Model()
    for (const operations of [before, after]) {
      for (const operation of operations) {
        perform(graph, operation)
        model.apply(operation)
      }
      checkGraph(graph, model)
      for (const cycles of ['break', 'maintain'] as const) {
        const cascade = graph.cascade({ names: targets, prefixes: [] }, { cycles })
        const found = { model, targets, cascade, items: [...cascade] }
        checkMembers(found)
        checkDepths(found)
        checkCycles(found)
        if (cycles === 'break') checkBroken(found)
        else checkMaintained(found)
      }
    }
  })
  return fc.check(property, { numRuns })
}

function perform(graph: Graph, operation: Operation): void {
  if (operation.do === 'untrack') graph.untrack(operation.key)
  else if (operation.do === 'track') graph.track(operation.key, operation.direct, operation.inherited)
  else graph[operation.do](operation.dependent, operation.dependency)
}

/** A graph whose cascades list their items differently. */
function listing(change: (items: Reached[]) => Reached[]): Subject {
  return class extends Graph {
    override cascade(targets: Targets, options?: CascadeOptions): Cascade {
      const cascade = super.cascade(targets, options)
      const items = change([...cascade])
      cascade[Symbol.iterator] = function* () {
        yield* items
      }
      return cascade
    }
  }
}

describe('a cascade is what graphology reaches: each once, at its depth, dependencies first', () => {
  test('after any history, circles included', { timeout: 60_000 }, () => {
    const { failed, counterexample, errorInstance } = holds(Graph)
    expect(failed, `${JSON.stringify(counterexample)} ${String(errorInstance)}`).toBe(false)
  })

  const mutations: Record<string, Subject> = {
    'inherited edges are lost': class extends Graph {
      override track(key: string, direct: Iterable<string>): void {
        super.track(key, direct, [])
      }
    },
    'inherited edges count as direct': class extends Graph {
      override track(key: string, direct: Iterable<string>, inherited: Iterable<string>): void {
        super.track(key, [...direct, ...inherited], [])
      }
    },
    'what an entry had before stays when it is tracked again': class extends Graph {
      readonly #before = new Map<string, string[]>()
      override track(key: string, direct: Iterable<string>, inherited: Iterable<string>): void {
        const all = [...direct, ...(this.#before.get(key) ?? [])]
        this.#before.set(key, all)
        super.track(key, all, inherited)
      }
    },
    'an entry that has left keeps its edges': class extends Graph {
      override untrack(): boolean {
        return true
      }
    },
    'unlinking does nothing': class extends Graph {
      override unlink(): boolean {
        return true
      }
    },
    'the order is turned round': listing((items) => items.toReversed()),
    'the order is that of the depths': listing((items) => items.toSorted((a, b) => a.depth - b.depth)),
    'the order is that of the names': listing((items) =>
      items.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    ),
    'the last one is left out': listing((items) => items.slice(0, Math.max(1, items.length - 1))),
    'the first one comes twice': listing((items) => [...items.slice(0, 1), ...items]),
    'a depth is one too many': listing((items) => items.map((item) => ({ ...item, depth: item.depth + 1 }))),
    'the cause is always a target': listing((items) =>
      items.map((item) => ({ ...item, because: item.because && (items[0]?.name ?? null) })),
    ),
    'circles are always broken': class extends Graph {
      override cascade(targets: Targets): Cascade {
        return super.cascade(targets, { cycles: 'break' })
      }
    },
  }
  test.each(Object.entries(mutations))('red if %s', { timeout: 60_000 }, (_, Subject) => {
    expect(holds(Subject, 2000).failed).toBe(true)
  })
})

describe('a walk that is ended early', () => {
  const wide = (fanOut: number) => {
    const graph = new Graph()
    for (let i = 0; i < fanOut; i++) {
      graph.track(`thumb${i}`, ['settings'], [])
      graph.track(`page${i}`, [`thumb${i}`, `thumb${(i * 7) % fanOut}`], ['settings'])
    }
    return graph
  }

  test('has the nearest names, in order, and says that there are more', () => {
    const cascade = wide(100).cascade({ names: ['settings'], prefixes: [] }, { lengthMax: 30 })
    expect([cascade.length, cascade.isWhole]).toEqual([30, false])
    expect([...cascade][0]).toEqual({ name: 'settings', depth: 0, because: null })
    expect(Math.max(...[...cascade].map(({ depth }) => depth))).toBe(1)
    expect(new Set(cascade.names()).size).toBe(30)
  })

  test('is whole if it has all', () => {
    const cascade = wide(10).cascade({ names: ['settings'], prefixes: [] }, { lengthMax: 21 })
    expect([cascade.length, cascade.isWhole]).toEqual([21, true])
  })

  test('leaves nothing behind that the next one trips over', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 60 }), fc.integer({ min: 1, max: 60 }), (fanOut, lengthMax) => {
        const graph = wide(fanOut)
        const targets = { names: ['settings'], prefixes: [] }
        const whole = [...graph.cascade(targets)]
        const early = [...graph.cascade(targets, { lengthMax }).names()]
        expect(early).toHaveLength(Math.min(lengthMax, whole.length))
        const places = new Map(early.map((name, place) => [name, place]))
        for (const name of early) {
          for (const { name: on, isDirect } of graph.dependencies(name)) {
            if (isDirect && places.has(on)) expect(places.get(on)).toBeLessThan(places.get(name) as number)
          }
        }
        expect([...graph.cascade(targets)]).toEqual(whole)
      }),
    )
  })
})

describe('dependents, one by one over many ticks', () => {
  test('all that were there and stay are shown, whatever comes and goes meanwhile', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(29), fc.boolean()), { maxLength: 60 }), (changes) => {
        const graph = new Graph()
        const stays = new Set(Array.from({ length: 30 }, (_, i) => `k${i}`))
        for (const key of stays) graph.track(key, ['s'], [])
        const shown = new Set<string>()
        const rest = changes.values()
        for (const key of graph.dependentsNow('s')) {
          shown.add(key)
          const { value } = rest.next()
          if (value === undefined) continue
          const [i, comes] = value
          if (comes) graph.track(`new${i}`, ['s'], [])
          else if (graph.untrack(`k${i}`)) stays.delete(`k${i}`)
        }
        for (const key of stays) expect(shown).toContain(key)
      }),
    )
  })
})

describe('prefixes and rules in a cascade', () => {
  test('a prefix reaches the known names that begin with it, and what depends on them', () => {
    const graph = new Graph()
    graph.track('page', ['row:1'], [])
    graph.track('row:2', [], [])
    graph.link('feed', 'page')
    const cascade = graph.cascade({ names: [], prefixes: ['row:', 'row:1'] })
    expect([...cascade]).toEqual([
      { name: 'row:1', depth: 0, because: null },
      { name: 'row:2', depth: 0, because: null },
      { name: 'page', depth: 1, because: 'row:1' },
      { name: 'feed', depth: 2, because: 'page' },
    ])
    expect([cascade.prefixes, cascade.isWhole]).toEqual([['row:'], true])
  })

  test('rules lead to names that nobody knew, and on to what depends on them', () => {
    const graph = new Graph()
    graph.addRule({ dependent: 'thumb:{a}', dependsOn: ['file:{a}'] })
    graph.addRule({ dependent: 'album:{a}', dependsOn: ['thumb:{a}'] })
    graph.track('page', ['album:x'], [])
    const cascade = graph.cascade({ names: ['file:x'], prefixes: [] })
    expect([...cascade].map(({ name, because }) => [name, because])).toEqual([
      ['file:x', null],
      ['thumb:x', 'file:x'],
      ['album:x', 'thumb:x'],
      ['page', 'album:x'],
    ])
    expect(graph.sizes().names).toBe(2)
  })

  test('a rule that leads to a prefix says which name led there', () => {
    const graph = new Graph()
    graph.addRule({ dependent: 'list:{page}', dependsOn: ['row:{id}'] })
    graph.track('list:1', ['row:9'], [])
    graph.track('home', ['list:1'], [])
    const cascade = graph.cascade({ names: ['row:1'], prefixes: [] })
    expect([...cascade]).toEqual([
      { name: 'row:1', depth: 0, because: null },
      { name: 'list:1', depth: 1, because: 'row:1' },
      { name: 'home', depth: 2, because: 'list:1' },
    ])
    expect(cascade.prefixes).toEqual(['list:'])
  })

  test('what rules make comes after all that it was made of', () => {
    const graph = new Graph()
    graph.addRule({ dependent: 'page:{v}', dependsOn: ['row:{v}', 'part:{v}'] })
    graph.addRule({ dependent: 'part:{v}', dependsOn: ['row:{v}'] })
    const cascade = graph.cascade({ names: ['row:1'], prefixes: [] })
    expect([...cascade.names()]).toEqual(['row:1', 'part:1', 'page:1'])
  })

  test('whatever is declared, a cascade reaches at least the declared reach', () => {
    const graph = new Graph()
    graph.addRule({ dependent: 'b:{v}', dependsOn: ['a:{v}'] })
    graph.addRule({ dependent: 'c', dependsOn: ['b:{v*}'] })
    graph.link('a:2', 'c')
    const targets = { names: ['a:1'], prefixes: [] }
    const reach = graph.declaredReach(targets)
    reach.advance(Infinity)
    expect([...graph.cascade(targets).names()].sort()).toEqual([...reach.names].sort())
  })
})

describe('one hop', () => {
  const graph = new Graph()
  graph.link('page', 'layout')
  graph.track('page', ['row'], ['disk'])
  graph.addRule({ dependent: 'page', dependsOn: ['theme:{any}'] })

  test('what a name depends on, and how', () => {
    expect(graph.dependencies('page')).toEqual([
      { name: 'layout', kind: 'declared', isDirect: true, isPrefix: false },
      { name: 'row', kind: 'tracked', isDirect: true, isPrefix: false },
      { name: 'disk', kind: 'tracked', isDirect: false, isPrefix: false },
      { name: 'theme:', kind: 'rule', isDirect: true, isPrefix: true },
    ])
  })

  test('what depends on it', () => {
    expect(graph.dependents('disk')).toEqual([
      { name: 'page', kind: 'tracked', isDirect: false, isPrefix: false },
    ])
    expect(graph.dependents('theme:dark')).toEqual([
      { name: 'page', kind: 'rule', isDirect: true, isPrefix: false },
    ])
    expect([graph.hasDeclaredDependents('layout'), graph.hasDeclaredDependents('theme:dark')]).toEqual([
      true,
      true,
    ])
    expect([graph.hasDeclaredDependents('row'), graph.hasTrackedDependents('row')]).toEqual([false, true])
    expect([...graph.links()]).toEqual([['page', 'layout']])
  })

  test('a visitor may untrack what it is shown, and stop', () => {
    const graph = new Graph()
    for (let i = 0; i < 100; i++) graph.track(`k${i}`, ['source'], [])
    const seen: string[] = []
    graph.trackedDependents('source', (key) => {
      graph.untrack(key)
      return seen.push(key) < 60
    })
    expect([new Set(seen).size, graph.trackedDependentCount('source')]).toEqual([60, 40])
    graph.trackedDependents('source', (key) => graph.untrack(key))
    expect(graph.sizes()).toMatchObject({ names: 0, trackedEdges: 0 })
  })
})

describe('what is known of a name', () => {
  test('an entry that is held is known, though nothing touches it any more', () => {
    const graph = new Graph()
    graph.track('a', [], [])
    graph.track('b', ['a'], [])
    graph.untrack('b')
    expect([graph.isHeld('a'), graph.sizes().names]).toEqual([true, 1])
    graph.link('c', 'a')
    graph.unlink('c', 'a')
    expect([graph.isHeld('a'), graph.untrack('a'), graph.sizes().names]).toEqual([true, true, 0])
  })

  test('a dependency that was direct may be inherited the next time', () => {
    const graph = new Graph()
    const isDirect = () => graph.dependencies('page').map(({ isDirect }) => isDirect)
    graph.track('page', ['row'], [])
    graph.track('page', [], ['row'])
    expect(isDirect()).toEqual([false])
    graph.track('page', ['row'], ['row'])
    expect(isDirect()).toEqual([true])
  })
})

test('a cascade stays as it was while the graph changes and ids are given to others', () => {
  const graph = new Graph()
  for (let i = 0; i < 50; i++) graph.track(`old${i}`, ['source'], [])
  const cascade = graph.cascade({ names: ['source'], prefixes: [] })
  const before = [...cascade]
  for (let i = 0; i < 50; i++) graph.untrack(`old${i}`)
  for (let i = 0; i < 50; i++) graph.track(`new${i}`, ['other'], [])
  graph.cascade({ names: ['other'], prefixes: [] })
  expect([...cascade]).toEqual(before)
})

test('a circle of 100,000 and a chain of 100,000 are no deeper a recursion than one of two', () => {
  const graph = new Graph()
  const size = 100_000
  for (let i = 0; i < size; i++) graph.track(`n${i}`, [`n${(i + size - 1) % size}`], [])
  const cascade = graph.cascade({ names: ['n0'], prefixes: [] })
  expect([cascade.length, cascade.cycles.length, cascade.nameAt(size - 1)]).toEqual([size, 1, `n${size - 1}`])
})
