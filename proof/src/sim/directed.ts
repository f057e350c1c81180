/**
 * Directed schedules: steps of several nodes in an order that chance rarely brings about, on the simulated server, to be
 * held against a real one like those of a seed.
 */
import { jobSchedules, type Scripted } from './directed-jobs.ts'
import type { Argument, Reply } from './driver.ts'
import type { EntryParts, Member, Since } from './parts.ts'
import { Redis, type Step } from './redis.ts'
import { SeenHold } from './seen-hold.ts'
import type { Operation } from './operation.ts'
import { Timeline } from './timeline.ts'

const generation = 'directed'
const applied = 1
const since: Since = { generation, applied, witness: '' }
/** A node that has applied the one record that there is. */
const member = {
  generation,
  applied,
  take: () => true,
  own: (change: unknown) => ({ nonce: `${generation}:own`, node: 'a', change, atMs: 0 }),
} as unknown as Member

/** What somebody is about to store, and has looked around for. */
interface Settling {
  readonly entry: EntryParts
  readonly hold: SeenHold
  readonly operation: Operation
}

class Schedule implements Scripted {
  readonly steps: Step[] = []
  readonly redis = new Redis(new Timeline())
  #nonces = 0

  constructor() {
    this.redis.onStep = (step) => this.steps.push(step)
    this.redis.carryOut('begin', [{ generation, dump: undefined }])
    this.append({ generation, applied: 0, witness: '' })
  }

  script(name: string, ...args: readonly Argument[]): Reply {
    return this.redis.carryOut('script', [name, args])
  }

  pass(ms: number): void {
    this.redis.skew += ms
  }

  append(at: Since = since): void {
    const change = { kind: 'invalidate' as const, names: ['row'], prefixes: [] }
    const record = { nonce: `${generation}:${this.#nonces++}`, node: 'a', change, atMs: 0 }
    this.redis.carryOut('append', [at, [record]])
  }

  sync(id: string, at: Since = since, isSettled = false): void {
    this.redis.carryOut('sync', [at, { id, name: `node ${id}`, isSettled }, true])
  }

  /** As many records as take the oldest away when a snapshot of that position comes. */
  trim(n: number): void {
    for (let i = 0; i < 20; i++) this.append()
    this.redis.carryOut('keep', [{ generation, n, dump: `at ${n}` }])
  }

  /** @param isInvalid the entry that stands there */
  look(key: string, dependencies: readonly string[] = [], isInvalid = false): Settling {
    const entry = entryOf(key, dependencies)
    const deciding = { member, names: new Set([key, ...dependencies]), isInvalid: () => isInvalid }
    const operation: Operation = { generation, entry, asked: [] }
    const look = this.redis.carryOut('look', [since], operation)
    return { entry, operation, hold: new SeenHold(look, deciding) }
  }

  store({ entry, hold, operation }: Settling): void {
    operation.asked.push(hold.asked)
    this.redis.carryOut('storeIf', [hold.storing(entry, since)], operation)
  }

  put(key: string, dependencies: readonly string[] = []): void {
    this.store(this.look(key, dependencies))
  }

  /** @param meanwhile between looking at it and removing it */
  remove(key: string, meanwhile: () => void = () => undefined): void {
    const operation: Operation = { generation, asked: [] }
    const [standing] = this.redis.carryOut('standing', [[key]], operation)
    const rows = [{ key, version: standing?.version as string, isOurs: true }]
    meanwhile()
    this.redis.carryOut('removeIf', [{ generation, rows }], operation)
  }

  /** By a node that is still in another generation than the server. */
  removeLate(key: string): void {
    const operation: Operation = { generation: 'another', asked: [] }
    const [standing] = this.redis.carryOut('standing', [[key]], operation)
    const rows = [{ key, version: standing?.version as string, isOurs: false }]
    this.redis.carryOut('removeIf', [{ generation: 'another', rows }], operation)
  }

  value(key: string): void {
    this.redis.carryOut('value', [key], { generation, asked: [] })
  }
}

/** What happens -> how. */
const schedules: Readonly<Record<string, (schedule: Schedule) => void>> = {
  'the server is another': (schedule) => {
    schedule.redis.carryOut('promote', [0])
    schedule.sync('a')
  },
  'the register of nodes goes, and a node leaves': (schedule) => {
    for (const id of ['a', 'b']) schedule.sync(id)
    schedule.redis.carryOut('deleteNodes', [])
    schedule.sync('a')
    schedule.redis.carryOut('leave', ['b'])
    schedule.sync('a')
  },
  'the snapshot goes': (schedule) => {
    schedule.redis.carryOut('deleteSnapshot', [])
    schedule.sync('a')
  },
  'a node is of another generation': (schedule) => {
    schedule.sync('a', { ...since, generation: 'another' })
    schedule.redis.carryOut('nodes', ['another', 'a'])
  },
  'a node is behind what is kept, and appends': (schedule) => {
    schedule.trim(20)
    schedule.sync('a')
    schedule.append()
  },
  'a snapshot is behind, and another comes that is older': (schedule) => {
    for (const n of [5, 3]) schedule.trim(n)
    schedule.redis.carryOut('snapshot', [])
    schedule.sync('a', { ...since, applied: 5 })
  },
  'a node says that all leases of before are over': (schedule) => {
    schedule.sync('a', since, true)
  },
  'a generation is to begin though one goes on': (schedule) => {
    schedule.redis.carryOut('begin', [{ generation: 'another', dump: undefined }])
    schedule.sync('a')
  },
  'an entry is stored by two': (schedule) => {
    const settling = schedule.look('outer')
    schedule.put('outer')
    schedule.store(settling)
  },
  'an entry is stored anew while it is about to be removed': (schedule) => {
    schedule.put('outer')
    schedule.remove('outer', () => schedule.put('outer'))
  },
  'an entry is removed': (schedule) => {
    schedule.put('outer')
    schedule.remove('outer')
    schedule.value('outer')
  },
  'an entry is to be removed by a node of another generation': (schedule) => {
    schedule.put('outer')
    schedule.removeLate('outer')
    schedule.value('outer')
  },
  'a node speaks between two steps of who is about to forget it': (schedule) => {
    for (const id of ['a', 'b']) schedule.sync(id)
    const nodes = schedule.redis.carryOut('nodes', [generation, 'a'])
    schedule.sync('b')
    schedule.redis.carryOut('forget', [generation, nodes === 'other' ? [] : nodes.nodes])
    schedule.redis.carryOut('nodes', [generation, ''])
  },
  'an input comes and is invalidated while something is made without it': (schedule) => {
    const outer = schedule.look('outer', ['inner'])
    schedule.put('inner')
    schedule.remove('inner')
    schedule.store(outer)
  },
  'a record is appended before what is announced': (schedule) => {
    const settling = schedule.look('outer')
    settling.hold.announce('outer', () => undefined)
    schedule.append()
    schedule.store(settling)
  },
  'a dependent comes while nobody seems to depend on an entry': (schedule) => {
    const inner = schedule.look('inner')
    inner.hold.dependentsOf('inner')
    schedule.put('outer', ['inner'])
    schedule.store(inner)
  },
  'an entry is made from less than before': (schedule) => {
    schedule.put('outer', ['inner', 'row'])
    schedule.put('outer', ['row'])
    schedule.redis.carryOut('dependents', [['inner'], generation], { generation, asked: [] })
  },
  'a node acknowledges, and a generation begins': (schedule) => {
    schedule.sync('a')
    schedule.redis.carryOut('acks', [])
    schedule.redis.carryOut('deleteLog', [])
    schedule.redis.carryOut('begin', [{ generation: 'another', dump: undefined }])
    schedule.redis.carryOut('acks', [])
  },
  'an entry takes the place of one that was invalidated': (schedule) => {
    schedule.put('inner')
    schedule.append()
    schedule.store(schedule.look('inner', [], true))
    const outer = schedule.look('outer', ['inner'])
    outer.hold.endedAt('inner')
    schedule.store(outer)
  },
}

export const directed: readonly (readonly [what: string, steps: readonly Step[]])[] = Object.entries({
  ...schedules,
  ...jobSchedules,
}).map(([what, carryOut]) => {
  const schedule = new Schedule()
  carryOut(schedule)
  return [what, schedule.steps]
})

function entryOf(key: string, dependencies: readonly string[]): EntryParts {
  const policy = { name: 'default', accessMultiplier: 1, graceMs: 0, maxExtensionMs: 0 }
  const times = { storedAt: 1e12, ttlMs: 3_600_000, capAt: Infinity }
  const positions = { generation, stamp: applied, keyStamp: applied }
  const made = { value: key, kind: 'value', sizeBytes: 100, directCount: dependencies.length, dependencies }
  return { key, policy, ...positions, ...times, ...made } as unknown as EntryParts
}
