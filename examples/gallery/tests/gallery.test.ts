import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { Gallery } from '../src/gallery/gallery.ts'
import { routesOf } from '../src/gallery/server.ts'
import { makePhoto } from '../src/pictures/make.ts'

let folder: string
let gallery: Gallery
let loads: string[]

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'staleproof-gallery-test-')))
  await mkdir(join(folder, 'photos', 'sea & sun'), { recursive: true })
  await writeFile(at('photos', 'sea & sun', 'a.jpg'), await makePhoto(1, 7))
  await configure('title: Ours\nthumbWidth: 60\n')
  gallery = new Gallery({ photos: at('photos'), settings: at('settings.yaml') })
  loads = []
  gallery.cache.on('load', ({ key }) => loads.push(key))
})
afterEach(async () => {
  await gallery.cache.close()
  await rm(folder, { recursive: true })
})

const at = (...steps: string[]) => join(folder, ...steps)
const configure = (text: string) => writeFile(at('settings.yaml'), text)
const ask = (path: string) => routesOf(gallery).request(path)

it('makes thumbnails of another width beside the old ones', async () => {
  await gallery.albumPage('sea & sun')
  await configure('title: Ours\nthumbWidth: 90\n')
  await gallery.cache.invalidate(`file:${at('settings.yaml')}`)
  loads = []
  expect(await gallery.albumPage('sea & sun')).toContain('width="90"')
  expect(loads.filter((key) => !key.startsWith('page'))).toEqual(
    expect.arrayContaining(['settings', 'album:sea & sun', 'thumb:90:sea & sun/a.jpg']),
  )
  expect(loads).not.toContain('exif:sea & sun/a.jpg')
  await configure('title: Ours\nthumbWidth: 60\n')
  await gallery.cache.invalidate(`file:${at('settings.yaml')}`)
  loads = []
  await gallery.albumPage('sea & sun')
  expect(loads.filter((key) => key.startsWith('thumb'))).toEqual([])
})

it('loads each result once, however many ask at the same time', async () => {
  await Promise.all([gallery.homePage(), gallery.albumPage('sea & sun'), gallery.homePage()])
  expect(new Set(loads).size).toBe(loads.length)
})

it('writes names into pages and addresses as they have to be', async () => {
  const page = await (await ask('/')).text()
  expect(page).toContain('href="/album/sea%20%26%20sun"')
  expect(page).toContain('Sea &amp; sun')
  expect((await ask('/album/sea%20%26%20sun')).status).toBe(200)
})

it('lets browsers keep a thumbnail only under the address of its version', async () => {
  const { hash } = await gallery.thumb('sea & sun', 'a.jpg')
  const control = async (v: string) =>
    (await ask(`/thumb/sea%20%26%20sun/a.jpg?v=${v}`)).headers.get('Cache-Control')
  expect(await control(hash)).toContain('immutable')
  expect(await control('older')).toBe('no-cache')
})

it.each([
  '/album/none',
  '/photo/sea%20%26%20sun/b.jpg',
  '/original/..%2F/settings.yaml',
  '/album/%2E%2E%2Fphotos',
])('has no page %s', async (path) => {
  expect((await ask(path)).status).toBe(404)
})
