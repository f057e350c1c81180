/**
 * The build: TypeScript projects, each compiled from src to dist, only what changed.
 *
 * Usage: import { compile } from './build.mjs'
 */
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { capture, root } from './programs.mjs'

export const tsc = join(root, 'node_modules', '@typescript', 'native', 'bin', 'tsc')

/** Compiles the given projects and what they reference; all of them when none is given. Tests are not compiled. */
export function compile(...some) {
  sweep()
  return capture(process.execPath, [tsc, '-b', ...(some.length > 0 ? some : projects())])
}

/** Removes from dist what was compiled from a source that is gone: it would be packed and shipped for ever. */
function sweep() {
  for (const project of projects()) {
    const dist = join(root, project, 'dist')
    if (!existsSync(dist)) continue
    for (const file of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.d.ts')) continue
      const stem = file.slice(0, -'.d.ts'.length)
      if (existsSync(join(root, project, 'src', `${stem}.ts`))) continue
      for (const end of ['.js', '.d.ts']) rmSync(join(dist, stem + end), { force: true })
    }
  }
}

export function projects() {
  const examples = readdirSync(join(root, 'examples')).map((name) => join('examples', name))
  return ['core', 'daemon', 'proof', 'bench', 'testbed', ...examples]
}
