/**
 * Mutants: copies of the built library with one mistake in each, made on purpose.
 *
 * They lie in a folder that git ignores, inside the workspace, so that they find their packages as the library does.
 *
 * Invariants: what a mutation replaces stands in its file exactly once, or the table is out of date and nothing is
 * shown; the library itself is never written to.
 */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Mutation } from './mutations.ts'

/** What `npm run build` made of the library. */
export const built = fileURLToPath(new URL('../../core/dist', import.meta.url))
const folder = fileURLToPath(new URL('../node_modules/.mutants', import.meta.url))

/** Where mutants are bred; whoever breeds at the same time has another of another name. */
export class Stable {
  readonly #home: string
  /** A copy that stays as it is while mutants are made of it, whoever builds meanwhile. */
  readonly #original: string

  constructor(name: string) {
    this.#home = join(folder, name)
    this.#original = join(this.#home, 'original')
    rmSync(this.#home, { recursive: true, force: true })
    cpSync(built, this.#original, { recursive: true, filter: (path) => !path.endsWith('.d.ts') })
  }

  /** @returns the folder of the mutant, to be opened like the library */
  breed({ name, file, from, to }: Mutation): string {
    const text = readFileSync(join(this.#original, file), 'utf8')
    const places = text.split(from).length - 1
    if (places !== 1) {
      throw new Error(`mutation '${name}' is out of date: its text stands ${places} times in ${file}`)
    }
    const home = join(this.#home, name)
    cpSync(this.#original, home, { recursive: true })
    writeFileSync(
      join(home, file),
      text.replace(from, () => to),
    )
    return home
  }
}
