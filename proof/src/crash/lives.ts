/**
 * Lives of processes on one directory, one after the other or several at once, and what they said.
 *
 * Invariants: everything stands in a temporary folder of its own; only processes that were started here are ended; what
 * a life said is read when it has ended.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { LifeOptions } from '../life.ts'
import { losePower } from './durable-copy.ts'
import { type Line, readJournals } from './journal.ts'

const program = fileURLToPath(new URL('../../dist/life.js', import.meta.url))
/** A process that takes longer hangs. */
const lifeMsMax = 60_000

/** How one ended. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stderr: string
}

export type How = Partial<Omit<LifeOptions, 'library' | 'path' | 'records'>>

/** One process, alive. */
export interface Life {
  readonly process: ChildProcess
  /** It has checked what holds, and works. False if it ended before. */
  readonly isReady: Promise<boolean>
  readonly ended: Promise<Ended>
}

export class Lives {
  readonly home: string
  readonly path: string
  readonly records: string
  readonly #library: string
  #born = 0

  /** @param library folder of a copy that tells its boundaries */
  constructor(library: string, home = mkdtempSync(join(memory(), 'staleproof-crash-'))) {
    this.#library = library
    this.home = home
    this.path = join(home, 'cache')
    this.records = join(home, 'records')
    mkdirSync(join(this.records, 'journals'), { recursive: true })
  }

  begin(how: How): Life {
    const options: LifeOptions = {
      ...{ library: this.#library, path: this.path, records: this.records, name: `life-${++this.#born}` },
      ...{ seed: 1, slot: 0, slots: 1, steps: 60, maxBytes: 4_000_000 },
      ...how,
    }
    const child = spawn(process.execPath, [program, JSON.stringify(options)], {
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    return watched(child)
  }

  /** To its end. */
  live(how: How): Promise<Ended> {
    return this.begin(how).ended
  }

  /** What was flushed stays, and nothing else. */
  losePower(): boolean {
    return losePower(this.path, this.records)
  }

  get lines(): readonly Line[] {
    return readJournals(join(this.records, 'journals'))
  }

  remove(): void {
    rmSync(this.home, { recursive: true, force: true })
  }
}

function watched(child: ChildProcess): Life {
  let stderr = ''
  child.stderr?.on('data', (bytes: Buffer) => (stderr += bytes.toString()))
  const isReady = new Promise<boolean>((resolve) => {
    child.stdout?.once('data', () => resolve(true))
    child.once('exit', () => resolve(false))
  })
  const hangs = setTimeout(() => child.kill('SIGABRT'), lifeMsMax)
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) => {
      clearTimeout(hangs)
      resolve({ code, signal, stderr })
    })
  })
  return { process: child, isReady, ended }
}

/** A file system in memory, where there is one: flushes cost nothing there, and nothing here is about the medium. */
export function memory(): string {
  return existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
}

/** What is wrong with what was said, and with how it ended. */
export function faultsOf(lives: Lives, ended: Ended): string[] {
  const said = lives.lines.flatMap((line) => (line.say === 'fault' ? [line.text] : []))
  const isExpected = ended.signal === 'SIGKILL' || ended.code === 0
  return isExpected
    ? said
    : [...said, `ended by ${ended.signal ?? ended.code}: ${ended.stderr.slice(0, 600)}`]
}
