/**
 * From a configuration to a cache with its links and rules.
 *
 * Invariant: whatever the library refuses is reported, all at once, with the place where it was written.
 */
import { createCache, StaleproofError, type Cache } from 'staleproof'
import type { LoadedConfig } from './load.ts'
import { invalidConfig, pathText, type Path, type Problem } from './problem.ts'

/** @throws E_CONFIG_INVALID with all that the library refuses */
export async function openCache(loaded: LoadedConfig): Promise<Cache> {
  const { config } = loaded
  const trial = new Trial(loaded)
  // Links and rules are judged even if the cache that they are for cannot be.
  const cache = (await trial.of(['cache'], () => createCache(config.cache))) ?? createCache()
  for (const [index, { name, dependsOn }] of config.links.entries()) {
    await trial.of(['links', index], () => cache.link(name, { dependsOn }))
  }
  for (const [index, { pattern, dependsOn }] of config.rules.entries()) {
    await trial.of(['rules', index], () => cache.rule(pattern, { dependsOn }))
  }
  if (trial.problems.length === 0) return cache
  await cache.close()
  throw invalidConfig(trial.problems)
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
