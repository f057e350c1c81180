/**
 * The library under proof, from a folder of built files: the real one, or a mutant of it.
 *
 * The public door is typed by the package itself. What is proved of the ledger alone has no door of its own, so
 * that the part of it that the proof uses is written down here.
 */
import { pathToFileURL } from 'node:url'
import { join } from 'node:path'
import type { createCache, systemClock } from 'staleproof'
import type { disk } from 'staleproof/disk'
import type { redis } from 'staleproof/redis'

export interface Ledger {
  readonly low: number
  readonly bytes: number
  readonly size: number
  record(name: string, n: number): void
  recordPrefix(prefix: string, n: number): void
  after(n: number, name: string): number
}

export interface Library {
  readonly createCache: typeof createCache
  readonly disk: typeof disk
  readonly Ledger: new (bytesMax: number, low?: number) => Ledger
}

export type Cache = ReturnType<Library['createCache']>

/** @param folder what `tsc` made of core/src, or a copy of that */
export async function openLibrary(folder: string): Promise<Library> {
  const load = (file: string): Promise<unknown> =>
    import(/* @vite-ignore */ pathToFileURL(join(folder, file)).href)
  const [door, backend, ledger] = await Promise.all([
    load('index.js'),
    load('disk.js'),
    load('log/ledger.js'),
  ])
  const { createCache } = door as Pick<Library, 'createCache'>
  const { disk } = backend as Pick<Library, 'disk'>
  const { Ledger } = ledger as Pick<Library, 'Ledger'>
  return { createCache, disk, Ledger }
}

export interface RedisLibrary {
  readonly disk: typeof disk
  readonly createCache: typeof createCache
  readonly systemClock: typeof systemClock
  readonly redis: typeof redis
}

/** What a node on a shared server needs of it. */
export async function openRedisLibrary(folder: string): Promise<RedisLibrary> {
  const load = (file: string): Promise<unknown> =>
    import(/* @vite-ignore */ pathToFileURL(join(folder, file)).href)
  const [door, server, directory] = await Promise.all([load('index.js'), load('redis.js'), load('disk.js')])
  return {
    ...(door as Pick<RedisLibrary, 'createCache' | 'systemClock'>),
    ...(server as Pick<RedisLibrary, 'redis'>),
    ...(directory as Pick<RedisLibrary, 'disk'>),
  }
}
