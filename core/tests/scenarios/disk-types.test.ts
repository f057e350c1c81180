/**
 * What was built tells a compiler of `staleproof/disk` without the declarations of LMDB, which do not hold everywhere
 * (TS1203 with `module: nodenext`, if libraries are checked, too).
 */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

const built = new URL('../../dist/', import.meta.url)

/** Packages that a file of declarations needs, and those that it names need. */
function packagesOf(file: URL, seen = new Set<string>()): string[] {
  if (seen.has(file.href)) return []
  seen.add(file.href)
  const names = [...readFileSync(file, 'utf8').matchAll(/(?:from|import\() ?'([^']+)'/g)].map(
    ([, name = '']) => name,
  )
  return names.flatMap((name) =>
    name.startsWith('.') ? packagesOf(new URL(name.replace(/\.[tj]s$/, '.d.ts'), file), seen) : [name],
  )
}

it('declarations of the disk name no package', () => {
  expect(packagesOf(new URL('disk.d.ts', built))).toEqual([])
})
