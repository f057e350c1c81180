/**
 * What every log promises (log/contract.ts).
 */
import type { Change, LogRecord } from '../log/contract.ts'
import { casesOf, equal, isTrue, outcomeOf, type Case, type Plays } from './case.ts'
import { Chance } from './chance.ts'
import { outlivingPlays, type LogSubject } from './log-outliving.ts'
import { Place, type Node, type OpenBacking } from './place.ts'

export interface LogCasesOptions {
  /** True for a log that is the same, and knows what was in it, when its place is opened again, by one or several. */
  readonly outlives?: boolean
}

export function logCases(open: OpenBacking, { outlives = false }: LogCasesOptions = {}): readonly Case[] {
  const opened = async (): Promise<LogSubject> => {
    const place = new Place(open)
    const node = await place.open()
    return { who: `the log '${node.log.name}'`, place, node, close: () => place.close() }
  }
  const own = outlives ? casesOf(opened, outlivingPlays) : casesOf(opened, endingPlays(open))
  return [...casesOf(opened, appendPlays), ...own]
}

const seeds: readonly number[] = [1, 2, 3]
const names: readonly string[] = ['', 'a', 'a:1', 'á', '\0', '__proto__', 'x'.repeat(2000)]

const changes: readonly Change[] = [
  { kind: 'invalidate', names: ['a', 'b'], prefixes: ['c:', ''], by: 'some-id' },
  { kind: 'soft', names: ['a'], prefixes: [], untilMs: 1_767_225_600_123, by: 'some-id' },
  { kind: 'change', names: ['a'] },
  { kind: 'link', names: ['a'], dependsOn: ['b', 'c'] },
  { kind: 'unlink', names: ['a'], dependsOn: ['b'] },
  { kind: 'rule', names: ['page:*'], dependsOn: ['row:*'] },
  { kind: 'unrule', names: ['page:*'], dependsOn: ['row:*'] },
  { kind: 'evict', names },
  { kind: 'invalidate', names: [], prefixes: [''] },
  { kind: 'intent', names: ['a', 'b'], untilMs: 1_767_225_600_123, by: 'some-id' },
  { kind: 'invalidate', names: ['a', 'b'], ends: 'some-id' },
]

const appendPlays: Plays<LogSubject> = {
  'gives each record the next position, and has applied it when append resolves': async ({ node }) => {
    const { log, witness } = node
    for (let n = 1; n <= 3; n++) {
      const change: Change = { kind: 'invalidate', names: [`a${n}`], by: `id${n}` }
      equal(`position ${n}`, await log.append(change), { generation: log.generation, n })
      equal('the newest record applied', changeOf(witness.records.at(-1)), change)
      equal('its position', [witness.records.at(-1)?.n, log.applied], [n, n])
    }
    equal('those known as its own', witness.own, [1, 2, 3])
  },

  'keeps all that a record says, and when it was appended': async ({ node: { log, witness } }) => {
    for (const change of changes) {
      await log.append(change)
      const record = witness.records.at(-1)
      equal('the record applied', changeOf(record), change)
      isTrue(`whether atMs is a time (${record?.atMs})`, Number.isFinite(record?.atMs))
    }
  },

  ...Object.fromEntries(
    seeds.map((seed) => [
      `applies records wholly, in order and once, however many are appended at once (seed ${seed})`,
      ({ node }: LogSubject) => appendAtOnce(node, new Chance(seed)),
    ]),
  ),

  'has moved on before it applies: what is made stale must find the record behind it': async ({ node }) => {
    const seen: number[] = []
    node.witness.onApply = ({ n }) => seen.push(node.log.applied - n)
    await node.log.append({ kind: 'invalidate', names: ['a'] })
    equal("the log's position less the record's, while that is applied", seen, [0])
  },

  'calls back right before a record of its own is applied, when those before it have been': async ({
    node,
  }) => {
    const { log, witness } = node
    const seen: string[] = []
    let isSameTick = false
    witness.onApply = ({ n }) => seen.push(`applied ${n}${isSameTick ? '' : ', later'}`)
    const append = (name: string) => {
      return log.append({ kind: 'change', names: [name] }, (n) => {
        seen.push(`${name} before ${n}, after ${log.applied}`)
        isSameTick = true
        queueMicrotask(() => (isSameTick = false))
      })
    }
    await Promise.all([append('a'), append('b')])
    const wanted = ['a before 1, after 0', 'applied 1', 'b before 2, after 1', 'applied 2']
    equal('what was called', seen, wanted)
  },

  'calls alongside while the record is written and not applied, with its position if that is known': async ({
    node: { log },
  }) => {
    for (const wanted of [1, 2]) {
      // It may be tried more than once: what counts is the last time.
      let last: { readonly n: number | undefined; readonly applied: number } | undefined
      const note = (n: number | undefined) => (last = { n, applied: log.applied })
      const { n } = await log.append({ kind: 'change', names: ['a'] }, undefined, note)
      equal('the position', n, wanted)
      equal('what was applied when alongside was called', last?.applied, n - 1)
      equal('what it was called with', last?.n ?? n, n)
    }
  },

  'may be asked to catch up at any time, and applies nothing twice': async ({ node: { log, witness } }) => {
    log.catchUp()
    equal('the position, when nothing was appended', log.applied, 0)
    witness.onApply = () => log.catchUp()
    const append = () => log.append({ kind: 'change', names: ['a'] }, () => log.catchUp())
    await Promise.all([append(), append(), append()])
    log.catchUp()
    equal('the positions applied', [witness.positions, log.applied], [[1, 2, 3], 3])
  },

  'when it is closed, finds nothing new, and appends nothing but what it applies': async ({
    node,
    place,
  }) => {
    const { log, witness } = node
    await log.append({ kind: 'change', names: ['a'] })
    await place.end(node)
    log.catchUp()
    equal('the positions applied', [witness.positions, log.applied], [[1], 1])
    const late = await outcomeOf(() => log.append({ kind: 'change', names: ['late'] }))
    if ('answer' in late) equal('the names of the record at 2', witness.records[1]?.names, ['late'])
  },
}

function endingPlays(open: OpenBacking): Plays<LogSubject> {
  return {
    'is another generation each time it is opened': async ({ node }) => {
      const others = new Place(open)
      const other = await others.open()
      const isSame = node.log.generation === other.log.generation
      await others.close()
      equal('whether two have one generation', isSame, false)
    },
  }
}

async function appendAtOnce({ log, witness }: Node, chance: Chance): Promise<void> {
  const all = Array.from({ length: 20 }, () => chance.some(names, 1))
  const positions = await Promise.all(all.map((each) => log.append({ kind: 'change', names: each })))
  const wanted = all.map((_, i) => i + 1)
  equal('the positions applied', witness.positions, wanted)
  equal('the positions given', positions.map(({ n }) => n).sort(byNumber), wanted)
  for (const [i, each] of all.entries()) {
    const n = positions[i]?.n ?? 0
    equal(`the names of the record at ${n}`, witness.records[n - 1]?.names, each)
  }
}

/** Without what the log itself says of it. */
function changeOf(record: LogRecord | undefined): Change | undefined {
  if (record === undefined) return undefined
  const { kind, names, prefixes, dependsOn, untilMs, by, ends } = record
  const parts = Object.entries({ kind, names, prefixes, dependsOn, untilMs, by, ends })
  return Object.fromEntries(parts.filter(([, part]) => part !== undefined)) as unknown as Change
}

function byNumber(a: number, b: number): number {
  return a - b
}
