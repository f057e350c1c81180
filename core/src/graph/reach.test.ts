/**
 * Declared reach against a fixpoint that tries every known name each time.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Graph } from './graph.ts'
import type { DeclaredReach } from './reach.ts'
import type { Rule } from './rules.ts'
import { Rules } from './rules.ts'
import { widest, type Targets } from './targets.ts'

const name: fc.Arbitrary<string> = fc.constantFrom(
  'a:1',
  'a:2',
  'a:1/x',
  'b:1',
  'b:2',
  'b:1/x',
  'c:1',
  'c:2',
  'd',
)
const prefix: fc.Arbitrary<string> = fc.constantFrom('', 'a:', 'a:1', 'b', 'b:1/', 'zz')
const rule: fc.Arbitrary<Rule> = fc.constantFrom(
  { dependent: 'b:{v}', dependsOn: ['a:{v}'] },
  { dependent: 'c:{v}', dependsOn: ['b:{v}', 'd'] },
  { dependent: 'a:{v}', dependsOn: ['c:{v}'] },
  { dependent: 'd', dependsOn: ['c:{v*}'] },
  { dependent: 'b:1/{w}', dependsOn: ['a:{v}'] },
  { dependent: 'a:{v}/x', dependsOn: ['b:{v}'] },
)
const scene = fc.record({
  links: fc.array(fc.tuple(name, name), { maxLength: 12 }),
  unlinked: fc.array(fc.nat(11), { maxLength: 3 }),
  tracked: fc.array(fc.tuple(name, fc.array(name)), { maxLength: 5 }),
  rules: fc.uniqueArray(rule, { maxLength: 4 }),
  names: fc.uniqueArray(name, { maxLength: 3 }),
  prefixes: fc.uniqueArray(prefix, { maxLength: 2 }),
})

type Scene = typeof scene extends fc.Arbitrary<infer T> ? T : never

function linksOf({ links, unlinked }: Scene): [string, string][] {
  const gone = new Set(unlinked.map((i) => links[i]?.join(' ')))
  return links.filter((link) => link[0] !== link[1] && !gone.has(link.join(' ')))
}

function naive(scene: Scene): Targets {
  const names = new Set(scene.names)
  const prefixes = new Set(scene.prefixes)
  const rules = new Rules()
  for (const rule of scene.rules) rules.add(rule)
  const isIn = (text: string) => names.has(text) || [...prefixes].some((prefix) => text.startsWith(prefix))
  for (let before = -1; before < names.size + prefixes.size; ) {
    before = names.size + prefixes.size
    for (const [dependent, dependency] of linksOf(scene)) if (isIn(dependency)) names.add(dependent)
    const steps = [
      ...[...names].map((text) => rules.dependentsOf(text)),
      ...[...prefixes].map((text) => rules.dependentsOfPrefix(text)),
    ]
    for (const text of steps.flatMap((step) => step.names)) names.add(text)
    for (const text of steps.flatMap((step) => step.prefixes)) prefixes.add(text)
  }
  return { names: [...names].sort(), prefixes: widest(prefixes) }
}

function build(scene: Scene, graph: Graph): Graph {
  for (const [dependent, dependency] of scene.links) graph.link(dependent, dependency)
  for (const [key, dependencies] of scene.tracked) graph.track(key, dependencies, [])
  for (const rule of scene.rules) graph.addRule(rule)
  for (const i of scene.unlinked) {
    const [dependent = '', dependency = ''] = scene.links[i] ?? []
    graph.unlink(dependent, dependency)
  }
  return graph
}

/** Found a few steps at a time. */
function whole(graph: Graph, targets: Targets): { names: string[]; prefixes: readonly string[] } {
  const reach = graph.declaredReach(targets)
  while (!reach.advance(3));
  return { names: [...reach.names], prefixes: reach.prefixes }
}

function holds(makeGraph: () => Graph) {
  const property = fc.property(scene, (scene) => {
    const { names, prefixes } = whole(build(scene, makeGraph()), scene)
    expect({ names: names.sort(), prefixes }).toEqual(naive(scene))
  })
  return fc.check(property, { numRuns: 2000 })
}

describe('declared reach is the fixpoint of links and rules', () => {
  test('for any scene, cycles and prefixes included', () => {
    const { failed, counterexample, errorInstance } = holds(() => new Graph())
    expect(failed, `${JSON.stringify(counterexample)} ${String(errorInstance)}`).toBe(false)
  })

  class Deaf extends Graph {
    override unlink(): boolean {
      return false
    }
  }
  class Short extends Graph {
    override declaredReach(targets: Targets): DeclaredReach {
      const reach = super.declaredReach(targets)
      reach.advance(Infinity)
      for (const name of [...reach.names].slice(4)) reach.names.delete(name)
      return reach
    }
  }
  class Plain extends Graph {
    override declaredReach({ names }: Targets): DeclaredReach {
      return super.declaredReach({ names, prefixes: [] })
    }
  }
  class Tracked extends Graph {
    override track(key: string, direct: Iterable<string>): void {
      for (const name of direct) this.link(key, name)
    }
  }
  const mutations: Record<string, () => Graph> = {
    'unlinking does nothing': () => new Deaf(),
    'no more than four names are reached': () => new Short(),
    'prefixes are not followed': () => new Plain(),
    'tracked edges are followed too': () => new Tracked(),
  }
  test.each(Object.entries(mutations))('red if %s', (_, makeGraph) => {
    expect(holds(makeGraph).failed).toBe(true)
  })
})

test('rules that feed each other end in a prefix that covers what they would have made', () => {
  const graph = new Graph()
  graph.addRule({ dependent: 'a:{v*}/1', dependsOn: ['a:{v*}'] })
  graph.addRule({ dependent: 'a:{v*}/2', dependsOn: ['a:{v*}'] })
  graph.addRule({ dependent: 'b:{v*}', dependsOn: ['a:{v*}'] })
  const { names, prefixes } = whole(graph, { names: ['a:x'], prefixes: [] })
  expect(prefixes).toEqual(['a:', 'b:'])
  expect(names).toContain('b:x/1/2')
  expect(names.length).toBeLessThan(20_000)
  const cascade = graph.cascade({ names: ['a:x'], prefixes: [] })
  expect(cascade.prefixes).toEqual(['a:', 'b:'])
  expect(cascade.length).toBeLessThan(20_000)
  expect(graph.sizes().names).toBe(0)
})

test('a long chain of links before a rule is followed name by name', () => {
  const graph = new Graph()
  for (let i = 0; i < 5000; i++) graph.link(`n:${i + 1}`, `n:${i}`)
  graph.addRule({ dependent: 'seen:{v}', dependsOn: ['n:{v}'] })
  const { names, prefixes } = whole(graph, { names: ['n:0'], prefixes: [] })
  expect([names.length, prefixes]).toEqual([10_002, []])
})

describe('what is above a name', () => {
  /** Names that the targets reach, and whose targets are not among what is above them; and names of the contrary. */
  function wrong(scene: Scene, graph: Graph): { missed: string[]; invented: string[] } {
    const { names, prefixes } = whole(build(scene, graph), scene)
    const isReached = (text: string) =>
      names.includes(text) || prefixes.some((prefix) => text.startsWith(prefix))
    const isTarget = (text: string) =>
      scene.names.includes(text) || scene.prefixes.some((prefix) => text.startsWith(prefix))
    const known = [...new Set([...names, ...scene.links.flat(), 'b:9', 'd'])]
    const saysYes = (text: string) => {
      const above = graph.declaredAbove(text)
      return above === undefined || [...above].some(isTarget)
    }
    return {
      missed: known.filter((text) => isReached(text) && !saysYes(text)),
      invented: known.filter((text) => !isReached(text) && saysYes(text)),
    }
  }

  const check = (property: fc.IProperty<[Scene]>) => {
    const { failed, counterexample, errorInstance } = fc.check(property, { numRuns: 2000 })
    expect(failed, `${JSON.stringify(counterexample)} ${String(errorInstance)}`).toBe(false)
  }

  test('holds a target of all that reaches it', () => {
    check(
      fc.property(scene, (scene) => {
        expect(wrong(scene, new Graph()).missed).toEqual([])
      }),
    )
  })

  test('holds no other, as long as there are no rules', () => {
    const withoutRules = scene.map((scene) => ({ ...scene, rules: [] }))
    check(
      fc.property(withoutRules, (scene) => {
        expect(wrong(scene, new Graph())).toEqual({ missed: [], invented: [] })
      }),
    )
  })

  test('is not told if it is much', () => {
    const graph = new Graph()
    for (let i = 0; i < 1000; i++) graph.link(`n:${i + 1}`, `n:${i}`)
    expect(graph.declaredAbove('n:1000')).toBeUndefined()
    expect(graph.declaredAbove('n:2')).toEqual(new Set(['n:2', 'n:1', 'n:0']))
  })
})

test('a step finds one name, be it by a link or by a rule', () => {
  const graph = new Graph()
  for (let i = 0; i < 100; i++) graph.link(`a:${i}`, 'x')
  graph.addRule({ dependent: 'b:{v}', dependsOn: ['a:{v}'] })
  const reach = graph.declaredReach({ names: ['x'], prefixes: [] })
  for (let known = reach.names.size; !reach.advance(1); known = reach.names.size) {
    expect(reach.names.size - known).toBeLessThanOrEqual(1)
  }
  expect(reach.names.size).toBe(201)
})

test('a reach that is found while the graph changes leaves out nothing that stays', () => {
  const graph = new Graph()
  for (let i = 0; i < 200; i++) graph.link(`a:${i}`, 'x')
  const reach = graph.declaredReach({ names: ['x'], prefixes: [] })
  for (let i = 0; !reach.advance(1); i++) {
    graph.unlink(`a:${(i * 7) % 100}`, 'x')
    graph.link(`other:${i}`, 'y')
  }
  for (let i = 100; i < 200; i++) expect(reach.names).toContain(`a:${i}`)
})
