/**
 * Proof: whatever the gallery serves and holds is what a fresh gallery makes of the same files.
 *
 * The fresh one has an empty cache and no daemon. Both are walked from the home page along every link, as a
 * browser would; then every result that is held is compared with the fresh one of the same key.
 */
import { isDeepStrictEqual } from 'node:util'
import { Gallery } from '../gallery/gallery.ts'
import { routesOf } from '../gallery/server.ts'
import type { World } from './world.ts'

/** Answers that were given: address -> status and body. */
export type Walk = ReadonlyMap<string, string>
type Ask = (path: string) => Response | Promise<Response>

export interface Proof {
  /** Answers that were compared. */
  readonly served: number
  /** Results in the cache that were compared. */
  readonly held: number
  /** Addresses and keys that differ, or that only one of the two has. */
  readonly stale: readonly string[]
}

const atATime = 8

/** Asks for everything that can be reached from the home page. Originals are not: they are never cached. */
export async function walk(ask: Ask): Promise<Walk> {
  const answers = new Map<string, string>()
  const waiting = ['/']
  const known = new Set(waiting)
  const visit = async (path: string) => {
    const response = await ask(path)
    const body = Buffer.from(await response.arrayBuffer())
    const isPage = response.headers.get('Content-Type')?.startsWith('text/html') ?? false
    answers.set(path, `${response.status} ${body.toString(isPage ? 'utf8' : 'base64')}`)
    if (!isPage) return
    for (const link of linksOf(body.toString())) {
      if (known.has(link)) continue
      known.add(link)
      waiting.push(link)
    }
  }
  while (waiting.length > 0) await Promise.all(waiting.splice(0, atATime).map(visit))
  return answers
}

export async function prove(
  world: World,
  gallery: Gallery,
  given: { served: Walk; held: readonly string[] },
): Promise<Proof> {
  const fresh = new Gallery({ photos: world.photos, settings: world.settings })
  const app = routesOf(fresh)
  const made = await walk((path) => app.request(path))
  const paths = new Set([...made.keys(), ...given.served.keys()])
  const stale = [...paths].filter((path) => made.get(path) !== given.served.get(path))
  for (const key of given.held) {
    const [held, wanted] = await Promise.all([gallery.cache.get(key), fresh.cache.get(key)])
    if (wanted === undefined || !isDeepStrictEqual(held, wanted)) stale.push(key)
  }
  await fresh.cache.close()
  return { served: given.served.size, held: given.held.length, stale }
}

function linksOf(page: string): string[] {
  const links = [...page.matchAll(/(?:href|src)="(\/[^"]*)"/g)].map(([, link = '']) => link)
  return links.map((link) => link.replaceAll('&amp;', '&')).filter((link) => !link.startsWith('/original/'))
}
