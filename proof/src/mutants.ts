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
/** A copy that stays as it is while mutants are made of it, whoever builds meanwhile. */
const original = join(folder, 'original')

export function takeOriginal(): void {
  rmSync(folder, { recursive: true, force: true })
  cpSync(built, original, { recursive: true, filter: (path) => !path.endsWith('.d.ts') })
}

/** @returns the folder of the mutant, to be opened like the library */
export function breed({ name, file, from, to }: Mutation): string {
  const home = join(folder, name)
  cpSync(original, home, { recursive: true })
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
  return home
}
