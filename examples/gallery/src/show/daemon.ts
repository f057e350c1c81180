/**
 * The daemon as a child process, watching folders.
 *
 * Invariant: whatever was started here ends with `stop`, and at the latest with this process.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(import.meta.resolve('staleproof-daemon/dist/main.js'))
const startMsMax = 30_000

export interface DaemonOptions {
  /** Of the daemon: its configuration and its data. */
  readonly folder: string
  readonly watched: readonly string[]
}

export class Daemon {
  url = ''
  readonly #options: DaemonOptions
  #child: ChildProcess | undefined
  #errors = ''

  constructor(options: DaemonOptions) {
    this.#options = options
    process.once('exit', () => this.#child?.kill('SIGKILL'))
  }

  /** Resolves when it watches and answers. Started again, it listens where it did before. */
  async start(): Promise<void> {
    const file = join(this.#options.folder, 'staleproof.yaml')
    await writeFile(file, JSON.stringify(this.#configuration(), null, 2))
    const child = spawn(process.execPath, [program, 'serve', '--config', file], { env: environment() })
    this.#child = child
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text
    })
    this.url = await this.#greeted(child)
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
  }

  /** JSON is YAML, too. Files are put in place whole, so that they need not rest for long to be finished. */
  #configuration(): object {
    const { folder, watched } = this.#options
    return {
      server: { port: this.url === '' ? 0 : Number(new URL(this.url).port) },
      data: join(folder, 'data'),
      sources: { files: watched.map((path) => ({ path, stability: '50ms' })) },
      log: { level: 'warn' },
    }
  }

  #greeted(child: ChildProcess): Promise<string> {
    return new Promise((resolve, reject) => {
      const fail = (why: string) => reject(new Error(`the daemon ${why}\n${this.#errors}`))
      const late = setTimeout(() => fail(`was not ready within ${startMsMax} ms`), startMsMax)
      let output = ''
      child.stdout?.setEncoding('utf8').on('data', (text: string) => {
        output += text
        const url = /ready at (http:\S+?),? /.exec(`${output} `)?.[1]
        if (url === undefined) return
        clearTimeout(late)
        resolve(url)
      })
      child.once('exit', (code) => fail(`ended with ${code}`))
      child.once('error', (error) => fail(error.message))
    })
  }
}

/** What this machine says of other daemons does not concern ours. */
function environment(): NodeJS.ProcessEnv {
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('STALEPROOF_'))
  return { ...Object.fromEntries(others), NO_COLOR: '1' }
}
