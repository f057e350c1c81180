/**
 * Processes that ask for one key at the same time, and read what one of them invalidates: real ones, running what was
 * built.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeAll, expect, it } from 'vitest'
import { directory } from '../directories.ts'

const program = fileURLToPath(new URL('stampede-child.mjs', import.meta.url))
const built = fileURLToPath(new URL('../../dist/disk/turns.js', import.meta.url))
const source = fileURLToPath(new URL('../../src/disk/turns.ts', import.meta.url))
/** Who waits for a turn does so no longer than 10 s, and loads then. */
const soonMs = 5000

interface Said {
  readonly by: Child
  readonly say: string
  readonly key?: string
  readonly values?: readonly unknown[]
}

/** What all of them say, each taken out by who waited for it. */
class Talk {
  readonly #heard: Said[] = []
  #wakes: (() => void)[] = []

  hear(said: Said): void {
    this.#heard.push(said)
    for (const wake of this.#wakes.splice(0)) wake()
  }

  /** Resolves when one of these says that. */
  async of(children: readonly Child[], say: string, key?: string): Promise<Said> {
    for (;;) {
      const at = this.#heard.findIndex((one) => {
        return one.say === say && one.key === key && children.includes(one.by)
      })
      if (at >= 0) return this.#heard.splice(at, 1)[0] as Said
      await new Promise<void>((resolve) => this.#wakes.push(resolve))
    }
  }
}

class Child {
  readonly name: string
  readonly #talk: Talk
  readonly #process: ChildProcess
  readonly #ended: Promise<unknown>

  constructor(talk: Talk, options: { path: string; name: string; count: number }) {
    this.name = options.name
    this.#talk = talk
    const all = { ...options, journal: join(options.path, 'journal') }
    this.#process = fork(program, [JSON.stringify(all)])
    this.#process.on('message', (said: Omit<Said, 'by'>) => talk.hear({ ...said, by: this }))
    this.#ended = once(this.#process, 'exit')
  }

  do(what: string, how: { key: string; value?: string }): this {
    this.#process.send({ do: what, ...how })
    return this
  }

  async says(say: string, key?: string): Promise<readonly unknown[]> {
    return (await this.#talk.of([this], say, key)).values ?? []
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#ended
  }

  /** @returns the code that it ends with */
  async close(): Promise<number | null> {
    this.#process.send({ do: 'close' })
    await this.#ended
    return this.#process.exitCode
  }
}

const children: Child[] = []

beforeAll(() => {
  const isBuilt = existsSync(built) && statSync(built).mtimeMs >= statSync(source).mtimeMs
  if (!isBuilt) throw new Error("these tests run what was built; first: 'npm run build'")
})

afterEach(async () => {
  for (const child of children.splice(0)) await child.kill()
})

/** Three processes, with so many caches each. */
async function three(count: number) {
  const path = directory()
  const talk = new Talk()
  const all = ['a', 'b', 'c'].map((name) => new Child(talk, { path, name, count }))
  children.push(...all)
  await Promise.all(all.map((child) => child.says('ready')))
  const loads = () => readFileSync(join(path, 'journal'), 'utf8').split('\n').slice(0, -1)
  /** Resolves when one of them loads it. */
  const whoLoads = async (of: readonly Child[], key: string) => (await talk.of(of, 'loading', key)).by
  return { all, loads, whoLoads }
}

it('what three processes ask for at once is loaded once, and all of them get it', async () => {
  const { all, loads, whoLoads } = await three(2)
  for (let i = 0; i < 20; i++) {
    const key = `cold:${i}`
    for (const child of all) child.do('ask', { key })
    const loader = await whoLoads(all, key)
    await Promise.all(all.map((child) => child.says('asked', key)))
    expect(loads().slice(i)).toEqual([`${key} ${loader.name}`])
    const value = `${key} by ${loader.name}`
    loader.do('finish', { key, value })
    const got = await Promise.all(all.map((child) => child.says('got', key)))
    expect(got.flat()).toEqual(Array.from({ length: 6 }, () => value))
  }
  expect(loads()).toHaveLength(20)
  expect(await Promise.all(all.map((child) => child.close()))).toEqual([0, 0, 0])
})

it('when the process that loads is killed, another one takes its turn, and all that live get the value', async () => {
  const { all, loads, whoLoads } = await three(1)
  const key = 'cold'
  for (const child of all) child.do('ask', { key })
  const killed = await whoLoads(all, key)
  await Promise.all(all.map((child) => child.says('asked', key)))
  expect(loads()).toEqual([`${key} ${killed.name}`])
  await killed.kill()
  const killedAt = performance.now()
  const living = all.filter((child) => child !== killed)
  const heir = await whoLoads(living, key)
  expect(performance.now() - killedAt).toBeLessThan(soonMs)
  heir.do('finish', { key, value: 'of the heir' })
  const got = await Promise.all(living.map((child) => child.says('got', key)))
  expect(got.flat()).toEqual(['of the heir', 'of the heir'])
  expect(loads()).toEqual([`${key} ${killed.name}`, `${key} ${heir.name}`])
})

it('no cache of any process serves what one of them has invalidated', async () => {
  const { all } = await three(2)
  const key = 'shared'
  for (let round = 0; round < 30; round++) {
    const value = `as of ${round}`
    for (const child of all) {
      child.do('read', { key, value })
      expect(await child.says('read', key)).toEqual([value, value])
    }
    const one = all[round % all.length] as Child
    one.do('invalidate', { key })
    await one.says('invalidated', key)
    for (const child of all) child.do('look', { key })
    const seen = await Promise.all(all.map((child) => child.says('looked', key)))
    // A message has no undefined.
    expect(seen.flat()).toEqual(Array.from({ length: 12 }, () => null))
  }
})
