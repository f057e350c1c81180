/**
 * From a configuration to a cache with its links and rules.
 *
 * Invariants: whatever the library refuses is reported, all at once, with the place where it was written; nothing is
 * made or changed in the data directory, or on a server, before all of the configuration is known to be good.
 */
import { createCache, StaleproofError, type Cache, type CacheOptions } from 'staleproof'
import type { LoadedConfig } from './load.ts'
import { invalidConfig, pathText, type Path, type Problem } from './problem.ts'
import { contentOf, filesOf, serverOf } from './redis.ts'
import type { Config, RedisSettings } from './schema.ts'

/**
 * @throws E_CONFIG_INVALID with all that the library refuses; E_DISK_PATH, E_DISK_READONLY, E_DISK_NETWORK,
 *   E_DISK_FORMAT, E_DISK_FULL, E_DISK_FAILED if nothing can be kept in the data directory
 */
export async function openCache(loaded: LoadedConfig): Promise<Cache> {
  await checkConfig(loaded)
  const { config } = loaded
  const [disk, redis] = await Promise.all([backendOf(config), serverOf(config.redis)])
  return opened(loaded, () => createCache({ ...config.cache, disk, redis }))
}

/** The links and rules of the configuration. */
export async function declareAll(cache: Cache, { links, rules }: Config): Promise<void> {
  for (const { name, dependsOn } of links) await declared(cache.link(name, { dependsOn }))
  for (const { pattern, dependsOn } of rules) await declared(cache.rule(pattern, { dependsOn }))
}

/** Lets the library judge it, in memory. @throws E_CONFIG_INVALID with all that it refuses */
export async function checkConfig(loaded: LoadedConfig): Promise<void> {
  const { config } = loaded
  const trial = new Trial(loaded)
  // Links and rules are judged even if the cache that they are for cannot be.
  const cache = (await trial.of(['cache'], () => createCache(config.cache))) ?? createCache()
  await trial.of(['disk'], () => backendOf(config))
  await tryRedis(trial, config.redis)
  for (const [index, { name, dependsOn }] of config.links.entries()) {
    await trial.of(['links', index], () => cache.link(name, { dependsOn }))
  }
  for (const [index, { pattern, dependsOn }] of config.rules.entries()) {
    await trial.of(['rules', index], () => cache.rule(pattern, { dependsOn }))
  }
  await cache.close()
  if (trial.problems.length > 0) throw invalidConfig(trial.problems)
}

/** Files by themselves, so that each is named with its place. */
async function tryRedis(trial: Trial, settings: RedisSettings | undefined): Promise<void> {
  if (settings === undefined) return
  const before = trial.problems.length
  for (const [path, file] of filesOf(settings)) await trial.of(path, () => contentOf(file))
  if (trial.problems.length === before) await trial.of(['redis'], () => serverOf(settings))
}

async function backendOf({ data, disk: sizes }: Config): Promise<CacheOptions['disk']> {
  if (data === false) return undefined
  // Loaded here: no other command needs a database, and each would start later for it.
  const { disk } = await import('staleproof/disk')
  return disk({ path: data, ...sizes })
}

/** What the library says of the directory, with the setting that named it. */
function opened(loaded: LoadedConfig, open: () => Cache): Cache {
  try {
    return open()
  } catch (cause) {
    if (!(cause instanceof StaleproofError) || !cause.code.startsWith('E_DISK_')) throw cause
    const { code, message, details } = cause
    const { data } = loaded.config
    const setting = `the setting data is ${String(data)}, by ${loaded.originOf(['data'])}`
    throw new StaleproofError(code, `${message} (${setting})`, { cause, details: { ...details, data } })
  }
}

/** What cannot be written now is in force all the same, and is written later. */
async function declared(declaring: Promise<void>): Promise<void> {
  try {
    await declaring
  } catch (error) {
    if (!(error instanceof StaleproofError) || error.code !== 'E_LOG_PENDING') throw error
  }
}

/** Tries one thing after the other and keeps what was refused. */
class Trial {
  readonly problems: Problem[] = []
  readonly #loaded: LoadedConfig

  constructor(loaded: LoadedConfig) {
    this.#loaded = loaded
  }

  async of<T>(path: Path, work: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof StaleproofError)) throw error
      const where = this.#loaded.originOf(path)
      this.problems.push({ where, path: pathText(path), found: `${error.message} (${error.code})` })
      return undefined
    }
  }
}
