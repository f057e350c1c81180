import { describe, expect, it } from 'vitest'
import { TestClock } from '../../tests/clock.ts'
import { Graph } from '../graph/graph.ts'
import type { LogRecord } from '../log/contract.ts'
import { Judge } from '../log/judge.ts'
import { Events } from '../model/event.ts'
import { nearTier } from '../tiers/open.ts'
import { Applier } from './applier.ts'
import { Held } from './held.ts'

/** What is wide is written when the test lets it. */
class PausedClock extends TestClock {
  isPaused = true

  override async turn(): Promise<void> {
    do await new Promise((resolve) => setImmediate(resolve))
    while (this.isPaused)
  }
}

const crowd = Array.from({ length: 1100 }, (_, i) => `crowd:${i}`)
const all = ['hub', ...crowd, 'end', 'late', 'ruled:1', 'apart']

function open() {
  const clock = new PausedClock()
  const [graph, events] = [new Graph(), new Events()]
  const judge = new Judge(2 ** 20, (name) => graph.declaredAbove(name))
  const log = { applied: 0, generation: 'g', catchUp: () => undefined, membership: undefined }
  const held = new Held({
    ...{ graph, judge, clock, events, log },
    openNear: (onLeave) => nearTier({}, onLeave),
  })
  return {
    applier: new Applier({ onIntent: () => undefined, clock, graph, judge, held, events }),
    judge,
    graph,
    clock,
  }
}

/** What was made of the name alone, and is found invalid. */
function endedOf(judge: Judge, stamp: number): string[] {
  return all.filter((key) => judge.verdict({ key, stamp, keyStamp: stamp, dependencies: [] }) !== undefined)
}

function record(n: number, kind: LogRecord['kind'], names: string[], more: Partial<LogRecord> = {}) {
  return { n, kind, names, atMs: 0, ...more }
}

const links = [
  ...crowd.map((name, i) => record(i + 1, 'link', [name], { dependsOn: ['hub'] })),
  record(1101, 'link', ['end'], { dependsOn: ['crowd:700'] }),
]
/** Between two positions of a log that was shared, as while a disk fails. */
const wide = record(1101.5, 'invalidate', ['hub'])
const reached = ['hub', ...crowd, 'end']

function openCrowd() {
  const opened = open()
  for (const link of links) opened.applier.apply(link)
  return opened
}

describe('a dump', () => {
  it('holds all that a wide record reaches, though it is made before that is written', () => {
    const { applier, judge } = openCrowd()
    applier.apply(wide)
    expect(judge.backlog.size).toBe(1)
    const other = open()
    other.applier.load(structuredClone(applier.dump()))
    expect(endedOf(other.judge, 1101)).toEqual(reached)
    expect(endedOf(other.judge, 1101.5)).toEqual([])
    expect([judge.backlog.size, endedOf(judge, 1101)]).toEqual([0, reached])
  })

  it('lets what a soft record reaches be served by nobody who was not there', () => {
    const { applier } = openCrowd()
    applier.apply({ ...wide, kind: 'soft', untilMs: 500 })
    const { judge, applier: other } = open()
    other.load(structuredClone(applier.dump()))
    const made = { key: 'end', stamp: 1101, keyStamp: 1101, dependencies: [] }
    expect(judge.verdict(made)).toMatchObject({ n: 1101.5, untilMs: 0 })
  })

  it('takes the place of wide records that were not written, and of later ones nothing is lost', async () => {
    const { applier, judge, clock } = openCrowd()
    const { applier: other } = openCrowd()
    applier.apply(wide)
    const written = applier.written()
    applier.load(other.dump())
    expect([judge.backlog.size, endedOf(judge, 0)]).toEqual([0, []])
    applier.apply({ ...wide, n: 1200 })
    expect([judge.backlog.size, endedOf(judge, 1199)]).toEqual([1, reached])
    clock.isPaused = false
    await written
    await applier.written()
    expect([judge.backlog.size, endedOf(judge, 1199), endedOf(judge, 1200)]).toEqual([0, reached, []])
  })
})

describe('records that are applied at once', () => {
  const between = [
    wide,
    record(1101.75, 'link', ['late'], { dependsOn: ['end'] }),
    record(1102, 'invalidate', ['crowd:3']),
    record(1103, 'rule', ['ruled:{x}'], { dependsOn: ['crowd:{x}'] }),
    record(1104, 'soft', ['hub'], { untilMs: 500 }),
    record(1105, 'unlink', ['end'], { dependsOn: ['crowd:700'] }),
    record(1106, 'invalidate', ['hub']),
    record(1107, 'change', ['hub']),
    record(1108, 'unrule', ['ruled:{x}'], { dependsOn: ['crowd:{x}'] }),
    record(1109, 'invalidate', ['hub']),
  ]

  it('end what they end one by one, whatever follows before that is written', async () => {
    for (let length = 1; length <= between.length; length++) {
      const [atOnce, oneByOne] = [openCrowd(), openCrowd()]
      oneByOne.clock.isPaused = false
      for (const each of between.slice(0, length)) {
        atOnce.applier.apply(each)
        oneByOne.applier.apply(each)
        await oneByOne.applier.written()
      }
      const stamps = [0, 1101, 1101.5, ...between.map(({ n }) => n)]
      const ends = ({ judge }: typeof atOnce) => stamps.map((stamp) => endedOf(judge, stamp))
      const expected = ends(oneByOne)
      const before = ends(atOnce)
      for (const [i, names] of expected.entries()) expect(before[i]).toEqual(expect.arrayContaining(names))
      atOnce.clock.isPaused = false
      await atOnce.applier.written()
      expect(ends(atOnce)).toEqual(expected)
    }
  })
})
