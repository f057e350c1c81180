/**
 * Processes that share one queue and one history, and are killed: real ones, running what was built.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Environment } from '../../src/disk/environment.ts'
import { DiskHistory } from '../../src/disk/history.ts'
import { Nodes } from '../../src/disk/nodes.ts'
import { DiskQueue } from '../../src/disk/queue.ts'
import { openTail } from '../../src/disk/tail.ts'
import type { Job } from '../../src/invalidation/contract.ts'
import { systemClock } from '../../src/model/clock.ts'
import { directory, nodeId } from '../directories.ts'
import { request } from '../drain-world.ts'

const program = fileURLToPath(new URL('drain-child.mjs', import.meta.url))
const built = fileURLToPath(new URL('../../dist/disk/queue.js', import.meta.url))
const source = fileURLToPath(new URL('../../src/disk/queue.ts', import.meta.url))

beforeAll(() => {
  const isBuilt = existsSync(built) && statSync(built).mtimeMs >= statSync(source).mtimeMs
  if (!isBuilt) throw new Error("these tests run what was built; first: 'npm run build'")
})

interface ChildOptions {
  readonly submits?: number
  readonly hangsAt?: string
  readonly diesAt?: string
  readonly runs?: string
  readonly carriesOut?: string
}

const children: Child[] = []

afterEach(async () => {
  for (const child of children.splice(0)) await child.kill()
})

class Child {
  readonly #process: ChildProcess
  readonly #ended: Promise<number | null>
  #said = ''
  #told: () => void = () => undefined

  constructor(path: string, name: string, options: ChildOptions = {}) {
    const all = { path, name, journal: join(path, 'journal'), ...options }
    this.#process = spawn(process.execPath, [program, JSON.stringify(all)], { stdio: 'pipe' })
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.on('data', (bytes: Buffer) => {
        this.#said += bytes.toString()
        this.#told()
      })
    }
    this.#ended = new Promise((resolve) => {
      this.#process.once('close', (code) => {
        resolve(code)
        this.#told()
      })
    })
    children.push(this)
  }

  get said(): string {
    return this.#said
  }

  /** Resolves when it has said that, or has ended. */
  async says(text: string): Promise<this> {
    while (
      !this.#said.includes(text) &&
      this.#process.exitCode === null &&
      this.#process.signalCode === null
    ) {
      await new Promise<void>((resolve) => {
        this.#told = resolve
      })
    }
    return this
  }

  go(): this {
    this.#process.stdin?.write('go\n')
    return this
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#ended
  }

  ended(): Promise<number | null> {
    return this.#ended
  }
}

/** What this process has of the directory. */
function open(path: string, id = nodeId('test')) {
  const clock = systemClock()
  const environment = new Environment({ path, nowMs: clock.now() })
  const onError = (error: unknown) => {
    throw error
  }
  const nodes = new Nodes({ directory: path, tail: openTail(path), clock, id, onError })
  nodes.join()
  const common = { environment, nodes, clock, onError }
  const history = new DiskHistory(common)
  const queue = new DiskQueue({ ...common, history })
  const close = async () => {
    await queue.close()
    await history.close()
    nodes.leave()
    await environment.close()
  }
  return { queue, history, close }
}

function job(id: string, parts: Partial<Job> = {}): Job {
  const asked = request(id, { requestedAt: 1, consistency: 'strict' })
  return { ...asked, strategy: 'background', priority: 4, dueAt: 1, attempts: 0, error: null, ...parts }
}

function journal(path: string): string[] {
  const file = join(path, 'journal')
  return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : []
}

function ids(count: number, prefix = 'job'): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}-${i}`)
}

describe('processes that live', () => {
  test('do 2,000 jobs together, each exactly once', async () => {
    const path = directory()
    const { queue, history, close } = open(path)
    await Promise.all(ids(2000).map((id) => queue.add(job(id))))
    const both = [new Child(path, 'one'), new Child(path, 'two')]
    await Promise.all(both.map((each) => each.says('ready')))
    for (const each of both) each.go()
    expect(await Promise.all(both.map((each) => each.ended()))).toEqual([0, 0])
    expect(journal(path).toSorted()).toEqual(ids(2000).toSorted())
    expect(await queue.size()).toBe(0)
    expect((await history.list({ status: 'completed', limit: 1000 })).next).not.toBeNull()
    await close()
  })

  test('start, put in and drain at the same time, and each job is done exactly once', async () => {
    const path = directory()
    const names = ['one', 'two', 'three']
    const all = names.map((name) => new Child(path, name, { submits: 300 }).go())
    expect(await Promise.all(all.map((each) => each.ended()))).toEqual([0, 0, 0])
    const expected = names.flatMap((name) => ids(300, name))
    expect(journal(path).toSorted()).toEqual(expected.toSorted())
    const { queue, close } = open(path)
    expect(await queue.size()).toBe(0)
    await close()
  })

  test('one runs at once what another put in', async () => {
    const path = directory()
    const { queue, close } = open(path)
    await queue.add(job('a', { dueAt: Date.UTC(2100, 0) }))
    const child = await new Child(path, 'one', { runs: 'a' }).go().says('over')
    expect(child.said).toContain('"status":"completed"')
    expect(journal(path)).toEqual(['a'])
    await close()
  })
})

describe('a process that is killed', () => {
  test('leaves its jobs to the others, which do each once more, and what it had done not again', async () => {
    const path = directory()
    const { queue, history, close } = open(path)
    await Promise.all(ids(100).map((id) => queue.add(job(id))))
    const child = await new Child(path, 'one', { hangsAt: 'job-30' }).go().says('hangs')
    await child.kill()
    const before = journal(path)
    expect(before.length).toBeGreaterThan(0)
    expect(await history.get('job-30')).toMatchObject({ status: 'running', attempts: 1 })
    expect(await new Child(path, 'two').go().ended()).toBe(0)
    expect(journal(path).toSorted()).toEqual(ids(100).toSorted())
    expect(await history.get('job-30')).toMatchObject({ status: 'completed', attempts: 2 })
    expect(await history.get('job-0')).toMatchObject({ status: 'completed', attempts: 1 })
    await close()
  })

  test('by the same job in each run, is killed by it so often only, and the job is shown as failed', async () => {
    const path = directory()
    const { queue, history, close } = open(path)
    await Promise.all(['a', 'poison', 'b'].map((id) => queue.add(job(id, { consistency: 'relaxed' }))))
    let deaths = 0
    for (let code: number | null = null; code !== 0 && deaths < 20; ) {
      code = await new Child(path, `life ${deaths}`, { diesAt: 'poison' }).go().ended()
      if (code !== 0) deaths++
    }
    expect(deaths).toBe(3)
    expect(journal(path).toSorted()).toEqual(['a', 'b'])
    expect(await history.get('poison')).toMatchObject({
      status: 'failed',
      attempts: 3,
      error: { code: 'E_INVALIDATION_CRASHED' },
    })
    expect(await queue.size()).toBe(0)
    await close()
  })

  test('is known to have cut off what it carried out at once', async () => {
    const path = directory()
    const { history, close } = open(path)
    const child = await new Child(path, 'one', { carriesOut: 'a' }).go().says('hangs')
    const end = () => history.endCutOff((each) => ({ ...each, status: 'failed', endedAt: 2 }))
    expect(await end()).toEqual([])
    expect(await history.get('a')).toMatchObject({ status: 'running' })
    await child.kill()
    expect(await end()).toMatchObject([{ id: 'a' }])
    expect(await end()).toEqual([])
    await close()
  })
})
