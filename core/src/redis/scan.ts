/**
 * Scan: who depends on names, and what begins with a prefix, however many those are.
 *
 * Goes through the index in pages, so that no question keeps the server from others for long.
 * Invariant: what stands in the index from beginning to end is found.
 */
import { keyOf, nameOf, rangeOf } from '../bytes/names.ts'
import { bytesOf, listOf, numberOf, textOf, type Driver, type Reply } from './driver.ts'
import { slicesOf, type Heads } from './heads.ts'
import { dependentsScript, keysScript } from './tier-lua.ts'

const pageMax = 1000
/** Names of one script, and dependents of one of them that it tells; more of them are paged through. */
const namesMax = 200
const dependentsMax = 200

export class Scan {
  readonly #driver: Driver
  readonly #heads: Heads

  constructor(driver: Driver, heads: Heads) {
    this.#driver = driver
    this.#heads = heads
  }

  /** Keys of entries of the names, and of those that depend on one. */
  async dependents(names: readonly string[]): Promise<string[]> {
    const found = new Set((await this.#heads.held(names)).map(({ key }) => key))
    for (const slice of slicesOf(names, namesMax)) {
      for await (const { keys } of this.#dependentsOf(slice.map(keyOf))) await this.#add(found, keys)
    }
    return [...found]
  }

  /** Keys that begin with the prefix, and keys of entries that depend on such a name. */
  async withPrefix(prefix: string): Promise<string[]> {
    const found = new Set<string>()
    for await (const keys of this.#keys(prefix)) {
      const named = new Set<string>()
      await this.#add(named, keys)
      for (const name of named) if (name.startsWith(prefix)) found.add(name)
    }
    for await (const names of this.#names(prefix)) {
      const likely = names.filter((name) => nameOf(name)?.startsWith(prefix) !== false)
      for await (const { name, keys } of this.#dependentsOf(likely))
        await this.#addIf(found, { name, keys, prefix })
    }
    return [...found]
  }

  /** Keys of entries that may begin with the prefix. */
  #keys(prefix: string): AsyncGenerator<Buffer[], void, undefined> {
    return pagesOf(prefix, async (from, last) => {
      const reply = await this.#driver.run(keysScript, [from, last, pageMax])
      const [standing, looked, end] = listOf(reply)
      return { found: listOf(standing).map(bytesOf), looked: numberOf(looked), end }
    })
  }

  /** Names that have dependents, and may begin with the prefix. */
  #names(prefix: string): AsyncGenerator<Buffer[], void, undefined> {
    const key = `${this.#driver.prefix}:names`
    return pagesOf(prefix, async (from, last) => {
      const page = listOf(await this.#driver.call('ZRANGEBYLEX', key, from, last, 'LIMIT', 0, pageMax))
      return { found: page.map(bytesOf), looked: page.length, end: page.at(-1) }
    })
  }

  /** Of each name its dependents, in one part or more. */
  async *#dependentsOf(
    names: readonly Buffer[],
  ): AsyncGenerator<{ name: Buffer; keys: Buffer[] }, void, undefined> {
    for (let at = 0; at < names.length; at += namesMax) {
      const slice = names.slice(at, at + namesMax)
      const found = listOf(await this.#driver.run(dependentsScript, [dependentsMax, ...slice]))
      for (const [i, name] of slice.entries()) {
        const keys = found[i]
        if (typeof keys !== 'number') yield { name, keys: listOf(keys).map(bytesOf) }
        else for await (const page of this.#members(name)) yield { name, keys: page }
      }
    }
  }

  async *#members(name: Buffer): AsyncGenerator<Buffer[], void, undefined> {
    const key = Buffer.concat([Buffer.from(`${this.#driver.prefix}:d:`), name])
    let cursor = '0'
    do {
      const [next, page] = listOf(await this.#driver.call('SSCAN', key, cursor, 'COUNT', pageMax))
      yield listOf(page).map(bytesOf)
      cursor = textOf(next)
    } while (cursor !== '0')
  }

  /** Of a name that is too long for its key the entries themselves have to say. */
  async #addIf(
    found: Set<string>,
    { name, keys, prefix }: { name: Buffer; keys: Buffer[]; prefix: string },
  ): Promise<void> {
    if (nameOf(name) !== undefined) return this.#add(found, keys)
    for await (const rows of this.#heads.standing(keys)) {
      for (const { head } of rows) {
        if (head?.dependencies.some((each) => each.startsWith(prefix)) === true) found.add(head.key)
      }
    }
  }

  async #add(found: Set<string>, keys: readonly Buffer[]): Promise<void> {
    const cut = keys.filter((key) => nameOf(key) === undefined)
    for (const key of keys) {
      const name = nameOf(key)
      if (name !== undefined) found.add(name)
    }
    for await (const rows of this.#heads.standing(cut)) {
      for (const { head } of rows) if (head !== undefined) found.add(head.key)
    }
  }
}

interface Page {
  readonly found: Buffer[]
  readonly looked: number
  /** The last that was looked at. */
  readonly end: Reply | undefined
}

/** Of an index that is sorted by bytes, all between the bounds of the prefix. */
async function* pagesOf(
  prefix: string,
  ask: (from: string | Buffer, last: string | Buffer) => Promise<Page>,
): AsyncGenerator<Buffer[], void, undefined> {
  const { start, end } = rangeOf(prefix)
  const last = end === undefined ? '+' : bound('(', end)
  let from = start === undefined ? '-' : bound('[', start)
  for (;;) {
    const page = await ask(from, last)
    if (page.found.length > 0) yield page.found
    if (page.looked < pageMax) return
    from = bound('(', bytesOf(page.end))
  }
}

function bound(kind: '(' | '[', key: Buffer): Buffer {
  return Buffer.concat([Buffer.from(kind), key])
}
