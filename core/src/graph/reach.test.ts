/**
 * Declared reach against a fixpoint that tries every known name each time.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Graph } from './graph.ts'
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

function holds(makeGraph: () => Graph) {
  const property = fc.property(scene, (scene) => {
    const { names, prefixes } = build(scene, makeGraph()).declaredReach(scene)
    expect(new Set(names).size).toBe(names.length)
    expect({ names: [...names].sort(), prefixes }).toEqual(naive(scene))
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
    override declaredReach(targets: Targets): Targets {
      const { names, prefixes } = super.declaredReach(targets)
      return { names: names.slice(0, 4), prefixes }
    }
  }
  class Plain extends Graph {
    override declaredReach({ names }: Targets): Targets {
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
  const { names, prefixes } = graph.declaredReach({ names: ['a:x'], prefixes: [] })
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
  const { names, prefixes } = graph.declaredReach({ names: ['n:0'], prefixes: [] })
  expect([names.length, prefixes]).toEqual([10_002, []])
})
