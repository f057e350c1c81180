/**
 * The types of everything: the packages, and by the root project what is only run, tests and their tools.
 *
 * Usage: npm run check -- types
 *
 * Invariant: every TypeScript file of the house belongs to a project that was checked.
 */
import { readdirSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { projects, tsc } from '../build.mjs'
import { capture, root } from '../programs.mjs'
import { merge, unseen } from './canary.mjs'

const folders = ['core', 'daemon', 'proof', 'bench', 'testbed', 'examples', 'scripts']
const skipped = new Set(['node_modules', 'dist', 'canaries', 'coverage'])

export async function types() {
  const verdicts = await Promise.all([compiler('-b'), canary()])
  const lists = await Promise.all(['.', ...projects()].map((path) => compiler('-p', path, '--listFilesOnly')))
  const checked = new Set(lists.flatMap(({ stdout }) => stdout.split('\n').map((path) => path.trim())))
  const files = folders.flatMap(sources)
  return merge([...verdicts, everyOne(files, checked)], `${files.length} files`)
}

async function canary() {
  const { output } = await compiler('-p', 'scripts/canaries/types')
  return unseen('types', output, ['TS2322', 'TS6133', 'TS1294', 'TS2532'])
}

function everyOne(files, checked) {
  const forgotten = files.filter((path) => !checked.has(join(root, path).split(sep).join('/')))
  const output = forgotten.map((path) => `${path} belongs to no project`).join('\n')
  return { code: forgotten.length, output }
}

function sources(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((item) => {
    const path = relative(root, join(root, folder, item.name))
    if (item.isDirectory()) return skipped.has(item.name) ? [] : sources(path)
    return item.name.endsWith('.ts') ? [path] : []
  })
}

function compiler(...args) {
  return capture(process.execPath, [tsc, ...args])
}
