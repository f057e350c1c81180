/**
 * The packages as npm would publish them: packed for real, then read by publint and attw.
 *
 * Usage: npm run check -- packages
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { npm, root, tool } from '../programs.mjs'
import { merge, unseen } from './canary.mjs'

const published = ['core', 'daemon']
const unwanted = /\.test\.|\.tsbuildinfo$|(?<!\.d)\.ts$/

export async function packages() {
  const folder = mkdtempSync(join(tmpdir(), 'staleproof-packed-'))
  try {
    const [house, planted] = await Promise.all([
      pack(
        folder,
        published.flatMap((name) => ['-w', name]),
      ),
      pack(folder, [join(root, 'scripts/canaries/package')]),
    ])
    const verdicts = await Promise.all([...house.map(read), canary(planted[0])])
    return merge(verdicts, house.map(({ name, size }) => `${name} ${Math.ceil(size / 1024)} kB`).join(', '))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function pack(folder, what) {
  const { code, stdout, output } = await npm(['pack', '--json', '--pack-destination', folder, ...what])
  if (code !== 0) throw new Error(output)
  return JSON.parse(stdout.slice(stdout.indexOf('['))).map((packed) => ({
    ...packed,
    tarball: join(folder, packed.filename),
  }))
}

async function read({ name, tarball, files }) {
  const paths = files.map(({ path }) => path)
  const wanted = ['LICENSE', 'README.md', 'package.json'].filter((path) => existsSync(join(root, path)))
  const problems = [
    ...wanted.filter((path) => !paths.includes(path)).map((path) => `${name}: ${path} is not packed`),
    ...paths.filter((path) => unwanted.test(path)).map((path) => `${name}: ${path} should not be packed`),
  ]
  const shape = { code: problems.length, output: problems.join('\n') }
  return merge([shape, await tool('publint', tarball, '--strict'), await importable(name, tarball)])
}

async function canary({ tarball }) {
  const [lint, types] = await Promise.all([tool('publint', tarball, '--strict'), attw(tarball)])
  return merge([
    unseen('packages (publint)', lint.output, ['the file does not exist']),
    unseen('packages (attw)', types.output, ['No types']),
  ])
}

/** A package that gives only a program has nothing to import, and attw nothing to say. */
function importable(name, tarball) {
  const manifest = JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8'))
  return 'exports' in manifest ? attw(tarball) : { code: 0, output: '' }
}

function attw(tarball) {
  return tool('attw', tarball, '--profile', 'esm-only', '--no-color')
}
