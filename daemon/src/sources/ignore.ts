/**
 * What a watched folder leaves out.
 *
 * Invariants: the last glob that matches decides, and one that begins with `!` takes back in; a glob without a
 * slash matches a name at any depth, one with a slash a path relative to the folder; what is inside a folder
 * that is left out is left out; what is ours is left out, whatever the globs say.
 */
import { realpathSync } from 'node:fs'
import { relative, sep } from 'node:path'
import picomatch from 'picomatch'

/** What version control, package managers, editors, browsers and systems leave beside files. */
const ignoredByDefault: readonly string[] = [
  '.git',
  '.hg',
  '.svn',
  'node_modules',
  '*.tmp',
  '*.temp',
  '*.part',
  '*.partial',
  '*.crdownload',
  '*.swp',
  '*.swo',
  '*.swx',
  '*~',
  '.#*',
  '#*#',
  '4913',
  '.~lock.*#',
  '.goutputstream-*',
  '.nfs*',
  '.fuse_hidden*',
  '.DS_Store',
  'Thumbs.db',
  'lost+found',
]

/** @returns true for an absolute path in `root` that is left out. `ours` are files and folders that always are. */
export function ignorer(
  root: string,
  globs: readonly string[],
  ours: readonly string[] = [],
): (path: string) => boolean {
  const rules = [...ignoredByDefault, ...globs].map(rule)
  const own = ours.map(realPath)
  return (path) => {
    if (own.some((ourPath) => path === ourPath || path.startsWith(`${ourPath}${sep}`))) return true
    const inside = relative(root, path)
    if (inside === '' || inside.startsWith('..')) return false
    const text = inside.split(sep).join('/')
    return rules.findLast(({ matches }) => matches(text))?.ignores ?? false
  }
}

function rule(glob: string): { ignores: boolean; matches: (path: string) => boolean } {
  const ignores = !glob.startsWith('!')
  const bare = (ignores ? glob : glob.slice(1)).replace(/^\//, '').replace(/\/$/, '')
  const isName = !(ignores ? glob : glob.slice(1)).replace(/\/$/, '').includes('/')
  return { ignores, matches: picomatch(bare, { dot: true, basename: isName, nonegate: true }) }
}

/** Of what is not there (yet), as it was given. */
function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
