/**
 * What can be set from outside the file: one row per setting, with its flag and its environment variable.
 *
 * Invariant: every flag of `serve` has its variable and its place in the file, and they mean the same.
 */
import { delimiter } from 'node:path'
import { nearest, type Path } from './problem.ts'

export interface Input {
  /** Its place in the file. */
  readonly path: Path
  /** As commander has it. */
  readonly flag: string
  readonly env: string
  readonly help: string
  /** A flag that says `false` in its place. */
  readonly off?: { readonly flag: string; readonly help: string }
  /** The value that a text means. One that cannot be read is kept as it is, for the schema to object to. */
  readonly read: (text: string) => unknown
}

const asIs = (text: string) => text
const asNumber = (text: string) => (/^\d+$/.test(text) ? Number(text) : text)
const asFolder = (text: string) => (text === 'false' ? false : text)
const asFolders = (text: string) =>
  text
    .split(delimiter)
    .filter(Boolean)
    .map((path) => ({ path }))

function asFlag(text: string): unknown {
  if (['1', 'true', 'yes'].includes(text.toLowerCase())) return true
  return ['', '0', 'false', 'no'].includes(text.toLowerCase()) ? false : text
}

export const watchPath: Path = ['sources', 'files']

export const inputs: readonly Input[] = [
  {
    path: ['server', 'port'],
    flag: '--port <number>',
    env: 'STALEPROOF_PORT',
    help: 'port to listen on (0: any free one)',
    read: asNumber,
  },
  {
    path: ['server', 'host'],
    flag: '--host <address>',
    env: 'STALEPROOF_HOST',
    help: 'address to listen on',
    read: asIs,
  },
  {
    path: ['server', 'insecure'],
    flag: '--insecure',
    env: 'STALEPROOF_INSECURE',
    help: 'listen on an address that others can reach, without accounts',
    read: asFlag,
  },
  {
    path: ['data'],
    flag: '--data <folder>',
    env: 'STALEPROOF_DATA',
    help: 'folder for what the daemon keeps: entries, queue, history',
    off: { flag: '--no-data', help: 'keep everything in memory, until the daemon ends' },
    read: asFolder,
  },
  {
    path: ['disk', 'maxBytes'],
    flag: '--disk-max-bytes <size>',
    env: 'STALEPROOF_DISK_MAX_BYTES',
    help: 'most bytes of entries in that folder, such as 2gb',
    read: asNumber,
  },
  {
    path: ['disk', 'maxEntryBytes'],
    flag: '--disk-max-entry-bytes <size>',
    env: 'STALEPROOF_DISK_MAX_ENTRY_BYTES',
    help: 'larger entries are kept in memory only',
    read: asNumber,
  },
  {
    path: ['redis', 'url'],
    flag: '--redis <url>',
    env: 'STALEPROOF_REDIS',
    help: 'Redis or Valkey that several daemons share, such as redis://cache.home:6379',
    read: asIs,
  },
  {
    path: ['redis', 'passwordFile'],
    flag: '--redis-password-file <file>',
    env: 'STALEPROOF_REDIS_PASSWORD_FILE',
    help: 'file with the password for it',
    read: asIs,
  },
  {
    path: watchPath,
    flag: '--watch <folder>',
    env: 'STALEPROOF_WATCH',
    help: `folder to watch, besides those of the file; repeatable (the variable: separated by "${delimiter}")`,
    read: asFolders,
  },
  {
    path: ['log', 'level'],
    flag: '--log-level <level>',
    env: 'STALEPROOF_LOG_LEVEL',
    help: 'trace, debug, info, warn, error, fatal or silent',
    read: asIs,
  },
  {
    path: ['log', 'file'],
    flag: '--log-file <file>',
    env: 'STALEPROOF_LOG_FILE',
    help: 'write the log to a file',
    read: asIs,
  },
]

/** Read by the commands rather than by the configuration. */
const otherVariables = ['STALEPROOF_CONFIG', 'STALEPROOF_URL']

/** A warning for each STALEPROOF_ variable that means nothing. */
export function unknownVariables(env: NodeJS.ProcessEnv): string[] {
  const known = [...inputs.map((input) => input.env), ...otherVariables]
  return Object.keys(env)
    .filter((name) => name.startsWith('STALEPROOF_') && !known.includes(name))
    .map((name) => {
      const meant = nearest(name, known)
      return `the environment variable ${name} means nothing${meant === undefined ? '' : `; did you mean ${meant}?`}`
    })
}
