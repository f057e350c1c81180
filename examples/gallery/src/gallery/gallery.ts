/**
 * Gallery: every result of the gallery, cached under a key, and what each is made from.
 *
 *   settings            <- the settings file
 *   albums              <- the folder of all photos
 *   exif:{a}/{p}        <- the photo
 *   thumb:{w}:{a}/{p}   <- the photo (w: its width in pixels, from the settings of whoever asks)
 *   album:{a}           <- the folder of the album, settings, the EXIF of its photos
 *   page:*              <- settings, albums, thumbnails, EXIF: whatever it read
 *
 * Invariants: a result names a file or folder before it reads it; what it reads through the cache is tracked by
 * the cache, so no page is ever told what it depends on.
 */
import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { createCache, type BuiltInPolicy, type Cache } from 'staleproof'
import { readExif, type Exif } from './exif.ts'
import { albumPage, homePage, photoPage } from './pages.ts'
import type { Album, Photo, Shown } from './photo.ts'
import { parseSettings, type Settings } from './settings.ts'
import { makeThumb, type Thumb } from './thumb.ts'
import type { Shared } from './shared.ts'

export interface GalleryOptions {
  /** Folder with a folder of JPEG files for each album; a real path, as the daemon names files by theirs. */
  readonly photos: string
  /** The settings file, a real path. */
  readonly settings: string
  /** Where thumbnails are kept for other processes, too. */
  readonly shared?: Shared | undefined
}

export class Gallery {
  readonly cache: Cache<BuiltInPolicy>
  readonly #options: GalleryOptions

  constructor(options: GalleryOptions) {
    this.#options = options
    // An album page is made from hundreds of names; without the option the cache would warn of more than 100.
    this.cache = createCache({ graph: { dependenciesMax: 10_000 } })
  }

  homePage(): Promise<string> {
    return this.#page('page:home', async () => {
      const albums = await Promise.all((await this.albums()).map((name) => this.album(name)))
      const firsts = albums.flatMap(({ photos }) => photos.slice(0, 1))
      const covers = await Promise.all(firsts.map((photo) => this.#shown(photo)))
      return homePage(await this.settings(), { covers, albums })
    })
  }

  albumPage(name: string): Promise<string> {
    return this.#page(`page:album:${name}`, async () => {
      const { photos } = await this.album(name)
      const shown = await Promise.all(photos.map((photo) => this.#shown(photo)))
      return albumPage(await this.settings(), name, shown)
    })
  }

  photoPage(album: string, photo: string): Promise<string> {
    return this.#page(`page:photo:${album}/${photo}`, async () => {
      const exif = await this.exif(album, photo)
      return photoPage(await this.settings(), await this.#shown({ album, photo, exif }))
    })
  }

  settings(): Promise<Settings> {
    const path = this.#options.settings
    const load = async () => parseSettings(await readFile(path, 'utf8'))
    return this.cache.getOrSet('settings', load, { policy: 'config', dependsOn: `file:${path}` })
  }

  /** Names of the albums. */
  albums(): Promise<string[]> {
    const { photos } = this.#options
    const load = async () => {
      const items = await readdir(photos, { withFileTypes: true })
      return items
        .filter((item) => item.isDirectory())
        .map(({ name }) => name)
        .sort()
    }
    return this.cache.getOrSet('albums', load, { policy: 'metadata', dependsOn: `dir:${photos}` })
  }

  /** The photos of an album in the order of the settings. @throws ENOENT */
  album(name: string): Promise<Album> {
    const folder = this.#pathOf(name)
    return this.cache.getOrSet(
      `album:${name}`,
      async () => {
        const files = (await readdir(folder)).filter((file) => /\.jpe?g$/i.test(file))
        const exifs = await Promise.all(files.map((photo) => this.exif(name, photo)))
        const photos = exifs.map((exif, i) => ({ album: name, photo: files[i] as string, exif }))
        return { album: name, photos: sorted(photos, await this.settings()) }
      },
      { policy: 'metadata', dependsOn: `dir:${folder}` },
    )
  }

  /** @throws ENOENT */
  exif(album: string, photo: string): Promise<Exif> {
    const path = this.#pathOf(album, photo)
    const load = () => readExif(path)
    return this.cache.getOrSet(`exif:${album}/${photo}`, load, {
      policy: 'metadata',
      dependsOn: `file:${path}`,
    })
  }

  /** In the width that the settings ask for. @throws ENOENT */
  async thumb(album: string, photo: string): Promise<Thumb> {
    const { thumbWidth } = await this.settings()
    return this.#thumb({ album, photo }, thumbWidth)
  }

  pathOf(album: string, photo: string): string {
    return this.#pathOf(album, photo)
  }

  /** The width is a part of the key: a thumbnail outlives a change of the settings. */
  #thumb({ album, photo }: Pick<Photo, 'album' | 'photo'>, width: number): Promise<Thumb> {
    const key = `thumb:${width}:${album}/${photo}`
    const { shared } = this.#options
    const path = this.#pathOf(album, photo)
    const file = `file:${path}`
    const make = () => makeThumb(path, width)
    const load = () => (shared === undefined ? make() : shared.getOrMake(key, file, make))
    return this.cache.getOrSet(key, load, { policy: 'media', dependsOn: file })
  }

  async #shown(photo: Photo): Promise<Shown> {
    return { ...photo, thumb: await this.thumb(photo.album, photo.photo) }
  }

  #page(key: string, make: () => Promise<string>): Promise<string> {
    return this.cache.getOrSet(key, make)
  }

  /** One folder or file below the photos, never beside them. */
  #pathOf(...steps: string[]): string {
    for (const step of steps) {
      if (step === '' || step.startsWith('.') || basename(step) !== step) throw new NotFound(step)
    }
    return join(this.#options.photos, ...steps)
  }
}

/** A name that cannot be that of an album or a photo. */
class NotFound extends Error {
  readonly code = 'ENOENT'
}

function sorted(photos: readonly Photo[], { sort }: Settings): Photo[] {
  const text = ({ photo, exif }: Photo) => (sort === 'date' ? `${exif.takenAt} ${photo}` : photo)
  return [...photos].sort((a, b) => (text(a) < text(b) ? -1 : 1))
}
