/**
 * The driver of the simulation: the library's own queue, history and turns ask the simulated server through it, each script
 * by its name.
 */
import { prefix, type Argument, type Driver, type Given, type Reply, type Script } from './driver.ts'
import type { Connection } from './link.ts'

export class SimulatedDriver implements Driver {
  readonly prefix = prefix
  readonly isConnected = true
  readonly #asking: Connection
  /** sha -> name */
  readonly #names: ReadonlyMap<string, string>

  /** @param scripts by their names */
  constructor(asking: Connection, scripts: ReadonlyMap<string, Script>) {
    this.#asking = asking
    this.#names = new Map([...scripts].map(([name, { sha }]) => [sha, name]))
  }

  run({ sha }: Script, args: readonly Given[]): Promise<Reply> {
    return this.#asking.ask('script', [this.#names.get(sha) ?? '', args.map(argument)])
  }

  call(command: string, key: string, ...args: readonly Given[]): Promise<Reply> {
    return this.#asking.ask('command', [command, key, args.map(argument)])
  }

  wait(): Promise<Reply> {
    return Promise.reject(new Error('nothing waits for the simulated server'))
  }

  onConnect(): void {}

  async close(): Promise<void> {}
}

/** As the server gets it: text, or bytes. */
function argument(given: Given): Argument {
  return given instanceof Uint8Array ? Buffer.from(given) : String(given)
}
