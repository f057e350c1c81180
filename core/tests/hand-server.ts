/**
 * A log server that a test plays by hand: each request waits until the test answers it.
 */
import type { LogServer } from '../src/consistency/contract.ts'

export interface Asked {
  readonly what: string
  readonly args: readonly unknown[]
  answer(answer: unknown): void
  fail(error: Error): void
}

export class HandServer {
  readonly asked: Asked[] = []
  /** Tells the node that the server can be asked again. */
  reached: () => void = () => undefined
  /** Whether what was appended outlives the server. */
  isSecure = true
  readonly server: LogServer

  constructor() {
    const ask =
      (what: string) =>
      (...args: unknown[]) =>
        new Promise((answer, fail) => this.asked.push({ what, args, answer, fail }))
    const methods = ['sync', 'append', 'nodes', 'forget', 'leave', 'snapshot', 'records', 'begin', 'keep']
    this.server = {
      name: 'hand',
      worth: { is: 'single', why: 'a test' },
      watch: (_since: unknown, _onNews: unknown, onReached: () => void) => (this.reached = onReached),
      acknowledged: () => new Promise(() => {}),
      secured: () => (this.isSecure ? Promise.resolve() : Promise.reject(new Error('too few replicas'))),
      close: () => Promise.resolve(),
      ...Object.fromEntries(methods.map((what) => [what, ask(what)])),
    } as unknown as LogServer
  }

  /** The next request, which has to be that. */
  next(what: string): Asked {
    const [asked] = this.asked.splice(0, 1)
    if (asked?.what !== what) throw new Error(`${what} was expected, and ${asked?.what} asked`)
    return asked
  }
}
