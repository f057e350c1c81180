/**
 * Where a command reads and writes, and how things look there.
 *
 * Invariants: colours only on a terminal, and never if NO_COLOR is set; with --json the standard output is what
 * the API answered and nothing else.
 */
import type { Command } from 'commander'
import pc from 'picocolors'
import { Client, type Reply } from './client.ts'

export type Colors = ReturnType<typeof pc.createColors>

const defaultUrl = 'http://127.0.0.1:4747'

export class Terminal {
  readonly colors: Colors
  readonly isTty: boolean
  readonly #program: Command

  constructor(program: Command) {
    this.#program = program
    this.isTty = Boolean(process.stdout.isTTY)
    this.colors = pc.createColors(this.isTty && !process.env.NO_COLOR && process.env.TERM !== 'dumb')
  }

  /** @throws Failure if the address given is none */
  client(): Client {
    const { url } = this.#program.opts<{ url?: string }>()
    return new Client(url ?? (process.env.STALEPROOF_URL || defaultUrl))
  }

  get json(): boolean {
    return this.#program.opts<{ json?: boolean }>().json === true
  }

  /** Prints an answer: as it came with --json, else as `readable` puts it. */
  show<T>({ value, raw }: Reply<T>, readable: (value: T, colors: Colors) => string): void {
    this.print(
      this.json ? JSON.stringify(raw, null, this.isTty ? 2 : undefined) : readable(value, this.colors),
    )
  }

  /** Prints what is only said to people. */
  say(text: string): void {
    if (!this.json) this.print(text)
  }

  print(text: string): void {
    process.stdout.write(text.endsWith('\n') ? text : `${text}\n`)
  }

  /** Beside the output. */
  note(text: string): void {
    process.stderr.write(`${text}\n`)
  }
}
