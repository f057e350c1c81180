import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const program = fileURLToPath(new URL('../dist/demo.js', import.meta.url))
const albums = ['alps', 'coast', 'desert', 'forest', 'harbour', 'night']
/** Four in each album. */
const photos = albums.flatMap((album) => [1, 2, 3, 4].map((n) => `${album}/${album}-00${n}.jpg`))

interface Outcome {
  readonly to: string
  readonly went: readonly { readonly key: string; readonly because: string }[]
  readonly stayed: readonly string[]
  readonly loaded: readonly string[]
  readonly counts: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly staleMs: number
  readonly wentFromDaemon: number | null
  readonly also: string | null
  readonly proof: { readonly served: number; readonly held: number; readonly stale: readonly string[] }
  readonly failures: readonly string[]
}

let data: string
let shown: { folder: string; warm: { held: number }; outcomes: Outcome[]; failures: string[] }

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'staleproof-demo-test-'))
  const args = [program, '--json', '--photos', '24', '--data', data]
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 16 * 1024 ** 2 })
  shown = JSON.parse(stdout)
}, 120_000)
afterAll(() => rm(data, { recursive: true, force: true }))

const ofPhoto = (path: string) => [`thumb:320:${path}`, `exif:${path}`, `page:photo:${path}`]
const ofAlbum = (album: string) => [`album:${album}`, `page:album:${album}`]
const general = ['settings', 'albums', 'page:home', ...albums.flatMap(ofAlbum)]
const everything = (paths: readonly string[]) => [...general, ...paths.flatMap(ofPhoto)].sort()
const without = (keys: readonly string[], gone: readonly string[]) =>
  keys.filter((key) => !gone.includes(key))

function outcome(place: number): Outcome & { keys: string[] } {
  const found = shown.outcomes[place]
  if (found === undefined) throw new Error(`the demo showed no change ${place}`)
  return { ...found, keys: found.went.map(({ key }) => key).sort() }
}

const added = 'desert/desert-005.jpg'
const removed = 'forest/forest-001.jpg'
const inTheEnd = without([...photos, added], [removed])

it('holds one result of each kind once everything was asked for', () => {
  expect(shown.warm.held).toBe(everything(photos).length)
  expect(shown.failures).toEqual([])
})

describe('a photo that is written again', () => {
  const path = 'coast/coast-001.jpg'
  const gone = [...ofPhoto(path), ...ofAlbum('coast'), 'page:home'].sort()

  it('takes what shows it along, and nothing else', () => {
    expect(outcome(0).to).toBe(path)
    expect(outcome(0).keys).toEqual(gone)
    expect(outcome(0).stayed).toEqual(without(everything(photos), gone))
    expect(outcome(0).loaded).toEqual(gone)
  })

  it('is told with the way by which it reached each', () => {
    const because = Object.fromEntries(outcome(0).went.map(({ key, because }) => [key, because]))
    const file = `file:${shown.folder}/photos/${path}`
    expect(because[`thumb:320:${path}`]).toBe(file)
    expect(because[`exif:${path}`]).toBe(file)
    expect(because['page:home']).toBe('album:coast')
  })

  it('goes from the cache of the daemon, which refuses one that was begun before', () => {
    expect(outcome(0).wentFromDaemon).toBe(1)
    expect(outcome(0).also).toContain('refused (409)')
  })
})

it('shows an added photo on the pages of its album and at home', () => {
  const gone = [...ofAlbum('desert'), 'page:home'].sort()
  expect(outcome(1).to).toBe(added)
  expect(outcome(1).keys).toEqual(gone)
  expect(outcome(1).stayed).toEqual(without(everything(photos), gone))
  expect(outcome(1).loaded).toEqual([...gone, ...ofPhoto(added)].sort())
})

it('forgets a removed photo', () => {
  const pages = [...ofAlbum('forest'), 'page:home'].sort()
  expect(outcome(2).to).toBe(removed)
  expect(outcome(2).keys).toEqual([...pages, ...ofPhoto(removed)].sort())
  expect(outcome(2).stayed).toEqual(without(everything([...photos, added]), outcome(2).keys))
  expect(outcome(2).loaded).toEqual(pages)
})

it('makes all pages again after a change of the settings, and no thumbnail', () => {
  const isOld = (key: string) => /^(page|album):|^settings$/.test(key)
  expect(outcome(3).keys).toEqual(everything(inTheEnd).filter(isOld))
  expect(outcome(3).stayed).toEqual(everything(inTheEnd).filter((key) => !isOld(key)))
  expect(outcome(3).loaded).toEqual(outcome(3).keys)
  expect(outcome(3).counts.thumbnails).toMatchObject({ went: 0, stayed: inTheEnd.length, loaded: 0 })
})

it('gives up everything where the daemon cannot tell what was missed', () => {
  expect(outcome(4).keys).toEqual(everything(inTheEnd))
  expect(outcome(4).stayed).toEqual([])
  expect(new Set(outcome(4).went.map(({ because }) => because))).toEqual(new Set(['gap']))
})

it('serves nothing stale after any change', () => {
  for (const { proof, counts } of shown.outcomes) {
    const held = Object.values(counts).reduce((sum, { after = 0 }) => sum + after, 0)
    expect(proof.stale).toEqual([])
    expect(proof.held).toBe(held)
    expect(proof.served).toBe((counts.pages?.after ?? 0) + (counts.thumbnails?.after ?? 0))
  }
})
