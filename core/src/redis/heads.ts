/**
 * Heads: entries without their values, as they stand on the server.
 *
 * Invariant: what cannot be read, or is of another generation than the log here, is no entry; it has a version all the
 * same, and names under which it may be found.
 */
import { CurrentFormat, type Format, type StoredEntry } from '../bytes/format.ts'
import { sentKeyOf } from '../bytes/names.ts'
import type { LogBeside } from '../consistency/contract.ts'
import type { Policy } from '../model/policy.ts'
import { bytesOf, listOf, type Driver, type Reply } from './driver.ts'
import { versionMax } from './tier-lua.ts'

/** What stands under a key. */
export interface Standing {
  readonly key: string | Buffer
  /** '0': nothing. */
  readonly version: string
  /** Of this generation. */
  readonly head: StoredEntry | undefined
  /** Names that have the key in their sets, as far as can be told. */
  readonly names: readonly string[]
}

export interface HeadsParts {
  readonly driver: Driver
  readonly log: Pick<LogBeside, 'generation'>
  readonly policyOf: (name: string) => Policy
}

/** Keys that are looked at in one step. */
const sliceMax = 500
/** As the scripts read it, of whatever bytes. */
const versionForm = /^[\dA-Za-z-]*/

export class Heads {
  readonly #parts: HeadsParts
  readonly #format: CurrentFormat

  constructor(parts: HeadsParts) {
    this.#parts = parts
    this.#format = new CurrentFormat(() => parts.log.generation, parts.policyOf)
  }

  /** Of the generation that the log here is in. */
  get format(): Format {
    return this.#format.now
  }

  /** What stands under the keys, slice by slice. */
  async *standing(keys: readonly (string | Buffer)[]): AsyncGenerator<readonly Standing[], void, undefined> {
    for (let at = 0; at < keys.length; at += sliceMax) {
      const slice = keys.slice(at, at + sliceMax)
      const { driver } = this.#parts
      const rows = listOf(await driver.call('HMGET', `${driver.prefix}:entries`, ...slice))
      yield slice.map((key, i) => this.read(key, rows[i]))
    }
  }

  /** The entries of these names, without their values. */
  async held(names: readonly string[]): Promise<StoredEntry[]> {
    const held = new Map<string, StoredEntry>()
    for (const slice of slicesOf(names)) {
      let at = 0
      for await (const rows of this.standing(slice.map(sentKeyOf))) {
        for (const row of rows) {
          const name = slice[at++] as string
          const head = entryOf(row, name)
          if (head !== undefined) held.set(name, head)
        }
      }
    }
    return [...held.values()]
  }

  /** Of a reply: version, a space, the entry; null: nothing stands there. */
  read(key: string | Buffer, reply: Reply | undefined): Standing {
    if (reply === null || reply === undefined) return { key, version: '0', head: undefined, names: [] }
    const row = bytesOf(reply)
    const version = (versionForm.exec(row.toString('latin1', 0, versionMax)) as RegExpExecArray)[0]
    const bytes = row.subarray(version.length + 1)
    try {
      const head = this.format.head(bytes)
      return { key, version, head: head.generation === '' ? undefined : head, names: head.dependencies }
    } catch {
      return { key, version, head: undefined, names: this.format.salvage(bytes)?.dependencies ?? [] }
    }
  }
}

/** Of two names with one key, one has it. */
export function entryOf(standing: Standing | undefined, name: string): StoredEntry | undefined {
  return standing?.head?.key === name ? standing.head : undefined
}

/** Names, some at a time, none twice in one slice. */
export function* slicesOf(names: readonly string[], max = sliceMax): Generator<string[], void, undefined> {
  for (let at = 0; at < names.length; at += max) yield [...new Set(names.slice(at, at + max))]
}
