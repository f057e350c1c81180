/**
 * The built daemon and its command line as real processes, for tests that see them as a user does.
 *
 * Invariant: whatever was started here is ended by `endAll`, and its folder removed.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { vi } from 'vitest'

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A process, with what it has written so far. */
export class Program {
  stdout = ''
  stderr = ''
  readonly child: ChildProcess
  readonly ended: Promise<Ended>

  constructor(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    if (!existsSync(main)) throw new Error(`${main} is missing: these tests need what "npm run build" makes`)
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('STALEPROOF_'))
    // What is kept goes to ./data unless a test says otherwise.
    this.child = spawn(process.execPath, [main, ...args], {
      cwd: makeFolder(),
      env: { ...Object.fromEntries(inherited), ...env },
    })
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text))
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text))
    this.ended = once(this.child, 'close').then(([code]) => ({
      code,
      stdout: this.stdout,
      stderr: this.stderr,
    }))
    started.push(this)
  }

  /** Resolves when the log has a line with this message, and with this text. */
  logged(message: string, text = ''): Promise<void> {
    const isMeant = (line: string) => line.includes(`"msg":"${message}"`) && line.includes(text)
    return until(
      () => this.stderr.split('\n').some(isMeant),
      () => `no "${message}" in:\n${this.stderr}`,
    )
  }
}

export class Daemon extends Program {
  url = ''

  constructor(args: readonly string[], env?: NodeJS.ProcessEnv) {
    super(['serve', '--port', '0', ...args], env)
  }

  async ready(): Promise<this> {
    const why = () => `not ready:\n${this.stdout}${this.stderr}`
    await until(
      () => / is (ready|up) at (http\S+?)(,|\s)/.test(this.stdout) || this.child.exitCode !== null,
      why,
    )
    this.url = / is (?:ready|up) at (http[^\s,]+)/.exec(this.stdout)?.[1] ?? ''
    if (this.url === '') throw new Error(why())
    return this
  }

  fetch(path: string, init?: RequestInit): Promise<Response> {
    return fetch(this.url + path, init)
  }

  put(key: string, body: string, query = ''): Promise<Response> {
    return this.fetch(`/v1/entries/${encodeURIComponent(key)}${query}`, { method: 'PUT', body })
  }

  /** 200 if something is held for the key, 404 if not. */
  async statusOf(key: string): Promise<number> {
    return (await this.fetch(`/v1/entries/${encodeURIComponent(key)}`)).status
  }

  async gone(key: string): Promise<void> {
    await vi.waitFor(
      async () => {
        if ((await this.statusOf(key)) !== 404) throw new Error(`${key} is still served`)
      },
      { timeout: 8000, interval: 20 },
    )
  }

  /** Runs a command against this daemon. */
  cli(...args: readonly string[]): Promise<Ended> {
    return cli(args, { STALEPROOF_URL: this.url })
  }
}

export function startDaemon(args: readonly string[] = [], env?: NodeJS.ProcessEnv): Promise<Daemon> {
  return new Daemon(args, env).ready()
}

export function cli(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Ended> {
  const program = new Program(args, env)
  program.child.stdin?.end()
  return program.ended
}

/** A folder of its own, by its real path. */
export function makeFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'staleproof-daemon-')))
  folders.push(folder)
  return folder
}

export async function endAll(): Promise<void> {
  for (const { child } of started) if (child.exitCode === null) child.kill('SIGKILL')
  await Promise.all(started.splice(0).map(({ ended }) => ended))
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
}

export function until(check: () => boolean, why: () => string): Promise<void> {
  return vi.waitFor(
    () => {
      if (!check()) throw new Error(why())
    },
    { timeout: 8000, interval: 10 },
  )
}

const started: Program[] = []
const folders: string[] = []
