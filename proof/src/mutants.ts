/**
 * Mutants: copies of the built library with one mistake in each, made on purpose. Copies take `lmdb` and `node:fs`
 * through doors that tell of every write (boundaries.ts).
 *
 * They lie in a folder that git ignores, inside the workspace, so that they find their packages as the library does.
 *
 * Invariants: what a mutation replaces stands in its file exactly once, or the table is out of date and nothing is
 * shown; the library itself is never written to.
 */
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Mutation } from './mutations.ts'

/** What `npm run build` made of the library. */
export const built = fileURLToPath(new URL('../../core/dist', import.meta.url))
const folder = fileURLToPath(new URL('../node_modules/.mutants', import.meta.url))

const door = (name: string) => new URL(`../dist/door-${name}.js`, import.meta.url).href

/** What the copies of the disk's files import in place of what they name. */
const doors: readonly (readonly [from: string, to: string])[] = [
  ["from 'lmdb'", `from '${door('lmdb')}'`],
  ["from 'node:fs'", `from '${door('fs')}'`],
  ["from 'node:fs/promises'", `from '${door('fs-promises')}'`],
]
const tailMove = 'Atomics.add(cells, 0, 1)'

/** Where mutants are bred; whoever breeds at the same time has another of another name. */
export class Stable {
  /** A copy that stays as it is while mutants are made of it, whoever builds meanwhile. */
  readonly original: string
  readonly #home: string

  constructor(name: string) {
    this.#home = join(folder, name)
    this.original = join(this.#home, 'original')
    rmSync(this.#home, { recursive: true, force: true })
    cpSync(built, this.original, { recursive: true, filter: (path) => !path.endsWith('.d.ts') })
    openDoors(join(this.original, 'disk'))
  }

  /**
   * @param changes each of them one mistake, or what is needed to see it
   * @returns the folder of the mutant, to be opened like the library
   */
  breed(name: string, changes: readonly Change[]): string {
    const home = join(this.#home, name)
    cpSync(this.original, home, { recursive: true })
    for (const change of changes) alter(home, name, change)
    return home
  }

  /** Nothing of it is left. */
  close(): void {
    rmSync(this.#home, { recursive: true, force: true })
  }
}

/** One text in the place of another. */
export type Change = Pick<Mutation, 'file' | 'from' | 'to'>

function alter(home: string, name: string, { file, from, to }: Change): void {
  const path = join(home, file)
  const text = readFileSync(path, 'utf8')
  const places = text.split(from).length - 1
  if (places !== 1) {
    throw new Error(`mutation '${name}' is out of date: its text stands ${places} times in ${file}`)
  }
  writeFileSync(
    path,
    text.replace(from, () => to),
  )
}

function openDoors(disk: string): void {
  for (const name of readdirSync(disk).filter((file) => file.endsWith('.js'))) {
    let text = readFileSync(join(disk, name), 'utf8')
    for (const [from, to] of doors) text = text.replace(from, () => to)
    if (name === 'tail.js') text = watchTail(text)
    writeFileSync(join(disk, name), text)
  }
}

function watchTail(text: string): string {
  if (!text.includes(tailMove))
    throw new Error('the tail is not moved where it was: look at proof/src/mutants.ts')
  const moved = text.replace(tailMove, () => tailMove.replace('Atomics.add', 'add'))
  return `import { add } from '${door('tail')}';\n${moved}`
}
