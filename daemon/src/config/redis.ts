/**
 * From the section `redis` to the server that the library shares with other nodes.
 *
 * Invariant: a password and a key are read from their files when they are used, and are in no error and no list of settings.
 */
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { type CacheOptions, StaleproofError } from 'staleproof'
import type { Path } from './problem.ts'
import type { RedisSettings } from './schema.ts'

/** Where a file is named, and the file. */
type Named = readonly [path: Path, file: string]

/** The section with each file that it names replaced, such as by its absolute path. */
export function withFiles(
  settings: RedisSettings,
  replace: (file: string, path: Path) => string,
): RedisSettings {
  const { passwordFile, tls } = settings
  const replaced = (file: string | undefined, ...path: Path) =>
    file === undefined ? undefined : replace(file, ['redis', ...path])
  return {
    ...settings,
    passwordFile: replaced(passwordFile, 'passwordFile'),
    tls: tls && {
      ca: replaced(tls.ca, 'tls', 'ca'),
      cert: replaced(tls.cert, 'tls', 'cert'),
      key: replaced(tls.key, 'tls', 'key'),
    },
  }
}

/** Files that have to be readable. */
export function filesOf({ passwordFile, tls = {} }: RedisSettings): Named[] {
  const named: [Path, string | undefined][] = [
    [['redis', 'passwordFile'], passwordFile],
    [['redis', 'tls', 'ca'], tls.ca],
    [['redis', 'tls', 'cert'], tls.cert],
    [['redis', 'tls', 'key'], tls.key],
  ]
  return named.flatMap(([path, file]) => (file === undefined ? [] : [[path, file] as const]))
}

/** @throws E_CONFIG_FILE_UNREADABLE */
export function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const message = `cannot read the file: ${(cause as Error).message}`
    throw new StaleproofError('E_CONFIG_FILE_UNREADABLE', message, { cause, details: { file } })
  }
}

/** @throws E_CONFIG_FILE_UNREADABLE, E_CONFIG_TLS, and what the library refuses */
export async function serverOf(settings: RedisSettings | undefined): Promise<CacheOptions['redis']> {
  if (settings === undefined) return undefined
  const { passwordFile, password, tls, ...options } = settings
  // Loaded here: a daemon by itself needs no client.
  const { redis } = await import('staleproof/redis')
  return redis({
    ...options,
    password: passwordFile === undefined ? password : contentOf(passwordFile).trimEnd(),
    tls: tls === undefined ? undefined : certificatesOf(tls),
  })
}

function certificatesOf(tls: NonNullable<RedisSettings['tls']>): Record<string, string> {
  const given = Object.entries(tls).flatMap(([name, file]) =>
    file === undefined ? [] : [[name, contentOf(file)]],
  )
  const certificates: Record<string, string> = Object.fromEntries(given)
  try {
    createSecureContext(certificates)
    return certificates
  } catch (cause) {
    const message = `the files of tls are no certificates, or no key: ${(cause as Error).message}`
    throw new StaleproofError('E_CONFIG_TLS', message, { cause })
  }
}
