/**
 * Journal: what a process says of its work, a line each, written before the next thing is done.
 *
 * Invariant: what was said is in the file when `say` returns, and stays there whatever becomes of the process.
 */
import { existsSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'

export type Line =
  /** It has the directory open; what holds was checked. */
  | { readonly say: 'ready'; readonly verified: number }
  /** An invalidation that was carried out, or accepted into the queue, as its caller was told. */
  | { readonly say: 'done' | 'accepted' | 'cancelled'; readonly id: string }
  /** A queued one was carried out, or given up. */
  | { readonly say: 'ended'; readonly id: string; readonly status: string }
  | { readonly say: 'fault'; readonly text: string }
  /** Something that the library told of without being asked. */
  | { readonly say: 'told'; readonly text: string }
  /** Of a key that many ask for at once. */
  | { readonly say: 'loading' | 'loaded' | 'got'; readonly key: string }
  /** It ends by itself. */
  | { readonly say: 'end'; readonly boundaries: number; readonly reads: number; readonly found: number }
  /** It is about to end itself here. */
  | { readonly say: 'dies'; readonly boundary: number; readonly what: string }

export class Journal {
  readonly #file: number

  constructor(path: string) {
    this.#file = openSync(path, 'a')
  }

  say(line: Line): void {
    writeSync(this.#file, `${JSON.stringify(line)}\n`)
  }
}

/** All that was said in the journals of a folder. */
export function readJournals(folder: string): Line[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder).flatMap((name) => readJournal(join(folder, name)))
}

/** A line that was not written to its end was never said. */
function readJournal(path: string): Line[] {
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1)
  return lines.map((line) => JSON.parse(line) as Line)
}
