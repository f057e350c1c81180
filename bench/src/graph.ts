/**
 * The graph at size: memory of an edge, and an ordered cascade beside a plain breadth-first search.
 *
 * Usage: node --expose-gc bench/dist/graph.js
 *
 * The search beside it runs over the same edges as CSR arrays (offsets, ends), with a queue and a visited
 * array: no depths, no causes, no order. Both give ids; the names of a cascade are looked up as they are asked
 * for, which is measured by itself. Both run in turns in one process; the ratio is taken round by round.
 */
import { memoryUsage } from 'node:process'
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const nameCount = 1_000_000
const edgesPerName = 5
/** Names fall into parts that do not touch, name by name in turns, so that a part lies scattered in memory. */
const partCount = 10
const partSize = nameCount / partCount
const rounds = 30
/** Rounds before those, in which both are compiled and their arrays grow. */
const warmUps = 10

interface Edges {
  readonly size: number
  addAll(dependent: number, dependencies: ReadonlyMap<number, boolean>): void
}

interface Cascade {
  readonly length: number
  readonly cycles: readonly unknown[]
  nameAt(place: number): string
}

interface Graph {
  track(key: string, direct: Iterable<string>, inherited: Iterable<string>): void
  cascade(targets: { names: string[]; prefixes: string[] }): Cascade
  sizes(): { trackedEdges: number; bytes: number }
}

/** What a name depends on, as places in its part. */
type Shape = (place: number) => number[]
type Dice = (below: number) => number

/** The same numbers in every run (Mulberry32, T. Ettinger 2017). */
function dice(seed: number): Dice {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

/** A name depends on any names before it. */
function anyDag(random: Dice): Shape {
  return (place) => distinct(place, () => random(place))
}

/** A hundred layers; a name depends on names of the layer before. */
function layered(random: Dice): Shape {
  const layer = partSize / 100
  return (place) => {
    if (place <= layer) return place === 0 ? [] : [0]
    const start = Math.floor((place - 1) / layer - 1) * layer + 1
    return distinct(layer, () => start + random(layer))
  }
}

/** The same, and one name in a hundred depends on a later one too, so that circles come about. */
function withCircles(shape: Shape, random: Dice): Shape {
  return (place) => {
    const later = partSize - 1 - place
    return later > 0 && random(100) === 0 ? [...shape(place), place + 1 + random(later)] : shape(place)
  }
}

function distinct(available: number, draw: () => number): number[] {
  const drawn = new Set<number>()
  while (drawn.size < Math.min(edgesPerName, available)) drawn.add(draw())
  return [...drawn]
}

/** What a name depends on, as names. */
function dependenciesOf(shape: Shape, name: number): number[] {
  return shape(Math.floor(name / partCount)).map((place) => place * partCount + (name % partCount))
}

const textOf = (name: number) => `name:${name}`

/** The graph is no part of the public API: it is taken from where the library was built. */
function built(file: string): Promise<unknown> {
  return import(new URL(`../../core/dist/graph/${file}`, import.meta.url).href)
}

function usedBytes(): number {
  if (globalThis.gc === undefined) throw new Error('memory cannot be measured: run with node --expose-gc')
  globalThis.gc()
  globalThis.gc()
  const { heapUsed, arrayBuffers } = memoryUsage()
  return heapUsed + arrayBuffers
}

async function measureEdges(shape: Shape): Promise<void> {
  const { Edges } = (await built('edges.js')) as { Edges: new () => Edges }
  const before = usedBytes()
  const edges = new Edges()
  for (let name = 0; name < nameCount; name++) {
    edges.addAll(name, new Map(dependenciesOf(shape, name).map((dependency) => [dependency, false])))
  }
  report('edges alone', ((usedBytes() - before) / edges.size).toFixed(1), 'B an edge')
}

/** All of the graph: edges, names and their strings. */
async function filledGraph(shape: Shape): Promise<Graph> {
  const { Graph } = (await built('graph.js')) as { Graph: new () => Graph }
  const before = usedBytes()
  const graph = new Graph()
  for (let name = 0; name < nameCount; name++) {
    graph.track(textOf(name), dependenciesOf(shape, name).map(textOf), [])
  }
  const { trackedEdges, bytes } = graph.sizes()
  const measured = ((usedBytes() - before) / trackedEdges).toFixed(1)
  report('  edges, names, strings', measured, `B an edge (sizes() says ${(bytes / trackedEdges).toFixed(1)})`)
  return graph
}

interface Csr {
  readonly offsets: Int32Array
  readonly ends: Int32Array
}

function csrOf(shape: Shape): Csr {
  const dependencies = Array.from({ length: nameCount }, (_, name) => dependenciesOf(shape, name))
  const offsets = new Int32Array(nameCount + 1)
  for (const name of dependencies.flat()) offsets[name + 1] = (offsets[name + 1] as number) + 1
  for (let i = 0; i < nameCount; i++) offsets[i + 1] = (offsets[i + 1] as number) + (offsets[i] as number)
  const ends = new Int32Array(offsets[nameCount] as number)
  const next = offsets.slice()
  for (const [dependent, names] of dependencies.entries()) {
    for (const name of names) {
      const at = next[name] as number
      next[name] = at + 1
      ends[at] = dependent
    }
  }
  return { offsets, ends }
}

/** The yardstick. The visited array is cleared outside the time that is taken. */
function search(
  { offsets, ends }: Csr,
  start: number,
  room: Record<'visited' | 'queue', Int32Array>,
): number {
  const { visited, queue } = room
  visited[start] = 1
  queue[0] = start
  let length = 1
  for (let head = 0; head < length; head++) {
    const name = queue[head] as number
    const end = offsets[name + 1] as number
    for (let at = offsets[name] as number; at < end; at++) {
      const dependent = ends[at] as number
      if (visited[dependent] !== 0) continue
      visited[dependent] = 1
      queue[length++] = dependent
    }
  }
  return length
}

function timed<T>(work: () => T): { ms: number; value: T } {
  const start = performance.now()
  const value = work()
  return { ms: performance.now() - start, value }
}

async function compare(graph: Graph, csr: Csr): Promise<void> {
  const room = { visited: new Int32Array(nameCount), queue: new Int32Array(nameCount) }
  const runs: { theirs: number; ours: number; names: number }[] = []
  for (let round = 0; round < warmUps + rounds; round++) {
    // Another part each time, so that neither finds its data in the cache of the processor.
    const start = round % partCount
    room.visited.fill(0)
    const theirs = timed(() => search(csr, start, room))
    const ours = timed(() => graph.cascade({ names: [textOf(start)], prefixes: [] }))
    if (theirs.value !== ours.value.length) throw new Error('the two reached different numbers of names')
    if (round === 0) report('  reached', String(theirs.value), `names, ${ours.value.cycles.length} circles`)
    const names = timed(() => {
      for (let place = 0; place < ours.value.length; place++) ours.value.nameAt(place)
    })
    if (round >= warmUps) runs.push({ theirs: theirs.ms, ours: ours.ms, names: names.ms })
    // A new turn, in which nobody has the cascade of this one any more.
    await setImmediate()
    globalThis.gc?.()
  }
  report('  search over CSR', spread(runs.map(({ theirs }) => theirs)), 'ms')
  report('  ordered cascade', spread(runs.map(({ ours }) => ours)), 'ms')
  report('  its names', spread(runs.map(({ names }) => names)), 'ms')
  report('  ratio', spread(runs.map(({ theirs, ours }) => ours / theirs)), 'times (min / median / max)')
}

/** min / median / max */
function spread(values: number[]): string {
  const sorted = values.toSorted((a, b) => a - b)
  return [0, 0.5, 1].map((share) => sorted[Math.floor(share * (sorted.length - 1))]?.toFixed(2)).join(' / ')
}

function report(what: string, figure: string, unit: string): void {
  console.log(`${what}: ${figure} ${unit}`)
}

export async function benchGraph(): Promise<void> {
  await measureEdges(anyDag(dice(1)))
  const shapes: Record<string, () => Shape> = {
    'layered, no edge leads back': () => layered(dice(2)),
    'any acyclic graph': () => anyDag(dice(3)),
    'any graph with circles': () => withCircles(anyDag(dice(4)), dice(5)),
  }
  for (const [title, shape] of Object.entries(shapes)) {
    console.log(title)
    await compare(await filledGraph(shape()), csrOf(shape()))
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await benchGraph()
