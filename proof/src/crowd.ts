/**
 * Crowd: so many names linked to one that a record of it is wide, and for some turns of the event loop nobody has
 * written down what it reaches.
 */
import type { Cache } from './library.ts'

/** A few more than a record may reach without being wide. */
const size = 1050

export const crowd: readonly string[] = Array.from({ length: size }, (_, i) => `crowd:${i}`)
/** One of them, that links may lead on from: it is found in the middle. */
export const member = 'crowd:525'

export async function gather(cache: Cache, name: string): Promise<void> {
  for (const each of crowd) await cache.link(each, { dependsOn: name })
}
