/**
 * A queue and its history in one directory, for as many processes as a test makes believe that there are.
 */
import { Environment } from '../src/disk/environment.ts'
import { DiskHistory } from '../src/disk/history.ts'
import { DiskQueue } from '../src/disk/queue.ts'
import { TestClock } from './clock.ts'
import { directory } from './directories.ts'

export interface PairOptions {
  readonly keepFor?: number
  readonly keepCount?: number
  readonly sizeMax?: number
  readonly aging?: number
}

/** What one process has of it. */
export interface DiskPair {
  readonly id: string
  readonly environment: Environment
  readonly queue: DiskQueue
  readonly history: DiskHistory
}

const yearMs = 365 * 86_400_000

/** A directory, and the processes that have it open. */
export class DiskPlace {
  readonly clock: TestClock
  /** Of the first process. */
  readonly environment: Environment
  readonly errors: { readonly error: unknown; readonly during: string }[] = []
  readonly #gone = new Set<string>()
  readonly #others: Environment[] = []
  #opened = 0

  constructor(clock = new TestClock(0)) {
    this.clock = clock
    this.environment = new Environment({ path: directory(), nowMs: 0 })
  }

  open({ keepFor = yearMs, keepCount, sizeMax, aging }: PairOptions = {}): DiskPair {
    const id = `node${++this.#opened}`
    const common = {
      environment: this.#opened === 1 ? this.environment : this.#another(),
      nodes: { id, isGone: (other: string) => other !== id && this.isGone(other) },
      clock: this.clock,
      onError: (error: unknown, during: string) => void this.errors.push({ error, during }),
    }
    const history = new DiskHistory({ ...common, keepFor, keepCount })
    return {
      id,
      environment: common.environment,
      history,
      queue: new DiskQueue({ ...common, history, sizeMax, aging }),
    }
  }

  async close(): Promise<void> {
    for (const each of [this.environment, ...this.#others]) await each.close()
  }

  /** Each process has its own transactions. */
  #another(): Environment {
    const another = new Environment({ path: this.environment.path, nowMs: 0 })
    this.#others.push(another)
    return another
  }

  isGone(id: string): boolean {
    return this.#gone.has(id)
  }

  /** As if the process had ended without a word. */
  kill({ id }: DiskPair): void {
    this.#gone.add(id)
  }
}

/** What a process does: once it is over, nothing is answered, and nothing new begins. */
export interface Life {
  isOver: boolean
}

/** A clock that lets what is under way on the disk settle, too. */
export class DiskClock extends TestClock {
  #underWay = 0

  override async settle(): Promise<void> {
    do await super.settle()
    while (this.#underWay > 0)
  }

  /** The same, with its calls known to this clock. */
  watched<T extends object>(target: T, life: Life = { isOver: false }): T {
    return new Proxy(target, {
      get: (_, property) => {
        const value: unknown = Reflect.get(target, property, target)
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => this.#call(() => value.apply(target, args) as Promise<unknown>, life)
      },
    })
  }

  #call(work: () => Promise<unknown>, life: Life): Promise<unknown> {
    const never = new Promise<never>(() => undefined)
    if (life.isOver) return never
    this.#underWay++
    return work().then(
      (answer) => (this.#over(life) ? never : answer),
      (error: unknown) => {
        if (this.#over(life)) return never
        throw error
      },
    )
  }

  #over({ isOver }: Life): boolean {
    this.#underWay--
    return isOver
  }
}
