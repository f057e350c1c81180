/**
 * Heap: what an entry costs, key and value included: a text of 100 B, with 0, 1 and 5 names that it is made from,
 * out of 1,000. Each in a process of its own, after two full collections.
 */
import { createCache } from 'staleproof'
import { figureOf, type Report, type Row } from './figures.ts'
import { openBento, openCacheable, openDedupe, openLayered, openLayeredGroups, openLru } from './peers.ts'

const entries = 100_000
const names = 1000
export const dependencyCounts = [0, 1, 5]

/** Holds all entries, each with so many dependencies. @returns what must not be collected */
type Hold = (dependencies: number) => Promise<unknown>

const keyOf = (i: number) => `photo:${i}`
const namesOf = (i: number, count: number) =>
  Array.from({ length: count }, (_, at) => `album:${(i * 7 + at * 131) % names}`)
const indexOf = (key: string) => Number(key.slice(key.indexOf(':') + 1))

/** A flat string of one-byte characters, of its own for each entry. */
function textOf(i: number): string {
  return Buffer.from(String(i).padEnd(100, 'x')).toString('latin1')
}

const source = (key: string) => Promise.resolve(textOf(indexOf(key)))

export const holders: Record<string, Hold> = {
  Map: async () => {
    const map = new Map<string, { value: string; expiresAt: number }>()
    for (let i = 0; i < entries; i++)
      map.set(keyOf(i), { value: textOf(i), expiresAt: Date.now() + 3_600_000 })
    return Promise.resolve(map)
  },
  staleproof: async (dependencies) => {
    const cache = createCache()
    for (let i = 0; i < entries; i++) {
      await cache.getOrSet(keyOf(i), () => textOf(i), { dependsOn: namesOf(i, dependencies) })
    }
    return cache
  },
  'lru-cache': async () => {
    const cache = openLru(entries, { source })
    for (let i = 0; i < entries; i++) cache.set(keyOf(i), textOf(i))
    return Promise.resolve(cache)
  },
  'layered-loader': async (dependencies) => {
    const flat = openLayered(entries, { source })
    const groups = openLayeredGroups(entries, { source })
    for (let i = 0; i < entries; i++) {
      if (dependencies === 0) await flat.get(keyOf(i))
      else await groups.get(keyOf(i), namesOf(i, 1)[0] as string)
    }
    return { flat, groups }
  },
  'async-cache-dedupe': async (dependencies) => {
    const referencesOf = (key: string) => namesOf(indexOf(key), dependencies)
    const cache = openDedupe(entries, dependencies === 0 ? { source } : { source, referencesOf })
    for (let i = 0; i < entries; i++) await cache.user(keyOf(i))
    return cache
  },
  'cacheable, clones off': async (dependencies) => {
    const cache = openCacheable(false, dependencies > 0)
    for (let i = 0; i < entries; i++) {
      await cache.set(keyOf(i), textOf(i), dependencies > 0 ? { tags: namesOf(i, dependencies) } : {})
    }
    return cache
  },
  'bentocache, serialize off': async (dependencies) => {
    const bento = openBento(entries, false)
    for (let i = 0; i < entries; i++) {
      await bento.set({ key: keyOf(i), value: textOf(i), tags: namesOf(i, dependencies) })
    }
    return bento
  },
}

/** Which peers know of dependencies at all; layered-loader: of one. */
export function canHold(name: string, dependencies: number): boolean {
  if (name === 'Map' || name === 'lru-cache') return dependencies === 0
  return name !== 'layered-loader' || dependencies <= 1
}

export async function measureHeap(name: string, dependencies: number): Promise<Report> {
  const before = await usedBytes()
  const held = await (holders[name] as Hold)(dependencies)
  const figure = figureOf([((await usedBytes()) - before) / entries], 'B')
  if (held === undefined) throw new Error('it was collected')
  const rows: Row[] = [{ name, figures: { [columnOf(dependencies)]: figure } }]
  return { tables: [{ title: 'Heap per entry', rows }], targets: [] }
}

export function columnOf(dependencies: number): string {
  return dependencies === 1 ? '1 dependency' : `${dependencies} dependencies`
}

async function usedBytes(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    globalThis.gc?.()
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
