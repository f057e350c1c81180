/**
 * A call of the real tier that takes several steps, each of which is let go when the simulated one takes it.
 *
 *   look ... look | write | look ... look | write | done
 *
 * Several looks in a row are one step of the simulated tier, which sees all at once: between them nothing happens.
 * A plain command only looks. Invariant: nothing reaches the server but while a step is let go.
 */
import type { Driver, Given, Script } from './driver.ts'

type Kind = 'look' | 'write'

interface Gate {
  readonly kind: Kind
  readonly open: () => void
}

export class RealOperation<T> {
  /** What came of it; undefined while it goes on. */
  outcome: { readonly value: T } | undefined
  failure: Error | undefined
  #gate: Gate | undefined
  #arrive: (() => void) | undefined

  /** @param isWriting whether a script writes @param begin the call, through a driver that waits at each script */
  constructor(client: Driver, isWriting: (script: Script) => boolean, begin: (driver: Driver) => Promise<T>) {
    const run = async (script: Script, args: readonly Given[]) => {
      await this.#pass(isWriting(script) ? 'write' : 'look')
      return client.run(script, args)
    }
    const call: Driver['call'] = async (...words) => {
      await this.#pass('look')
      return client.call(...words)
    }
    const { prefix } = client
    const wait = () => Promise.reject(new Error('no operation of several steps waits'))
    const driver = { ...{ prefix, isConnected: true, run, call, wait }, onConnect, close }
    void Promise.resolve(driver)
      .then(begin)
      .then(
        (value) => this.#end({ value }),
        (failure: unknown) => {
          this.failure = failure instanceof Error ? failure : new Error('it fails', { cause: failure })
          this.#end(undefined)
        },
      )
  }

  /** Lets it look, until it wants to write or is done. */
  async look(): Promise<void> {
    await this.#arrived()
    while (this.#gate?.kind === 'look') await this.#open()
  }

  /** Lets it write once, until it wants to look again or is done. @returns false if it does not want to */
  async write(): Promise<boolean> {
    if (this.#gate?.kind !== 'write') return false
    await this.#open()
    return true
  }

  get isDone(): boolean {
    return this.outcome !== undefined || this.failure !== undefined
  }

  async #open(): Promise<void> {
    const gate = this.#gate
    this.#gate = undefined
    gate?.open()
    await this.#arrived()
  }

  /** At a gate, or at the end. */
  #arrived(): Promise<void> {
    if (this.#gate !== undefined || this.isDone) return Promise.resolve()
    return new Promise((resolve) => {
      this.#arrive = resolve
    })
  }

  #pass(kind: Kind): Promise<void> {
    return new Promise((open) => {
      this.#gate = { kind, open }
      this.#arrive?.()
    })
  }

  #end(outcome: { readonly value: T } | undefined): void {
    this.outcome = outcome
    this.#arrive?.()
  }
}

function onConnect(): void {}

async function close(): Promise<void> {}
