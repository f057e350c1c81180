/**
 * The packages as npm would publish them: packed for real, read by publint and attw, then unpacked and used.
 *
 * Usage: npm run check -- packages
 *
 * Invariant: an unpacked package finds the dependencies it declares, and nothing else of the house.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { capture, npm, root, tool } from '../programs.mjs'
import { merge, unseen } from './canary.mjs'

const planted = 'scripts/canaries/package'
const unwanted = /\.test\.|\.tsbuildinfo$|(?<!\.d)\.ts$/

export async function packages() {
  const folder = mkdtempSync(join(tmpdir(), 'staleproof-packed-'))
  try {
    const packed = await Promise.all(['core', 'daemon', planted].map((home) => pack(home, folder)))
    for (const one of packed) await unpack(one, folder)
    const canary = packed.pop()
    const verdicts = await Promise.all([...packed.map((one) => read(one, folder)), look(canary, folder)])
    return merge(verdicts, packed.map(({ name, size }) => `${name} ${Math.ceil(size / 1024)} kB`).join(', '))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function pack(home, folder) {
  const { code, stdout, output } = await npm([
    'pack',
    '--json',
    '--pack-destination',
    folder,
    join(root, home),
  ])
  if (code !== 0) throw new Error(output)
  const [{ name, size, filename, files }] = JSON.parse(stdout.slice(stdout.indexOf('[')))
  const manifest = JSON.parse(readFileSync(join(root, home, 'package.json'), 'utf8'))
  return { home, name, size, manifest, tarball: join(folder, filename), paths: files.map(({ path }) => path) }
}

/** Puts a package where a user would have it, with links to the dependencies that are installed here. */
async function unpack({ home, name, manifest, tarball }, folder) {
  const place = join(folder, 'node_modules', name)
  mkdirSync(place, { recursive: true })
  const { code, output } = await capture('tar', ['-xzf', tarball, '-C', place, '--strip-components=1'])
  if (code !== 0) throw new Error(output)
  for (const dependency of Object.keys(manifest.dependencies ?? {})) {
    if (dependency === 'staleproof') continue
    const places = [home, '.'].map((base) => join(root, base, 'node_modules', dependency))
    const link = join(place, 'node_modules', dependency)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(
      places.find((path) => existsSync(path)),
      link,
      'junction',
    )
  }
}

async function read(packed, folder) {
  const { manifest, tarball } = packed
  const verdicts = [tool('publint', tarball, '--strict'), use(packed, folder)]
  // A package that gives only a program has nothing to import, and attw nothing to say.
  if (manifest.exports !== undefined) verdicts.push(attw(tarball))
  return merge([contents(packed), ...(await Promise.all(verdicts))])
}

function contents({ name, paths }) {
  const wanted = ['LICENSE', 'README.md', 'package.json'].filter((path) => existsSync(join(root, path)))
  const problems = [
    ...wanted.filter((path) => !paths.includes(path)).map((path) => `${name}: ${path} is not packed`),
    ...paths.filter((path) => unwanted.test(path)).map((path) => `${name}: ${path} should not be packed`),
  ]
  return { code: problems.length, output: problems.join('\n') }
}

/** The library is imported by its name, the program asked for its help. */
function use({ name, manifest }, folder) {
  const bin = Object.values(manifest.bin ?? {}).map((path) => [
    join(folder, 'node_modules', name, path),
    '--help',
  ])
  const [args] = [...bin, ['--input-type=module', '--eval', `await import('${name}')`]]
  return capture(process.execPath, args, { cwd: folder })
}

async function look(canary, folder) {
  const { tarball } = canary
  const outputs = await Promise.all([
    tool('publint', tarball, '--strict'),
    attw(tarball),
    use(canary, folder),
  ])
  const [lint, types, used] = outputs.map(({ output }) => output)
  return merge([
    unseen('packages (publint)', lint, ['the file does not exist']),
    unseen('packages (attw)', types, ['No types']),
    unseen('packages (use)', used, ["Cannot find package 'nobody-declares-this'"]),
  ])
}

function attw(tarball) {
  return tool('attw', tarball, '--profile', 'esm-only', '--no-color')
}
