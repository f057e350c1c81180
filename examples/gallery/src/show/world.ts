/**
 * The truth of the show: a folder of photos and a settings file, in a temporary folder, and what happens to them.
 *
 * Invariant: a file is put in place whole, by a rename from outside of what is watched.
 */
import { mkdir, mkdtemp, realpath, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { copyOriginals, type Place } from '../pictures/make.ts'

export class World {
  /** Where all of it is, as a real path. */
  readonly folder: string

  constructor(folder: string) {
    this.folder = folder
  }

  static async open(originals: string): Promise<World> {
    const world = new World(await realpath(await mkdtemp(join(tmpdir(), 'staleproof-gallery-'))))
    for (const folder of [world.config, world.daemon, world.#incoming]) await mkdir(folder)
    await copyOriginals(originals, world.photos)
    await world.configure({ title: 'Six landscapes', sort: 'date', thumbWidth: 320 })
    return world
  }

  get photos(): string {
    return join(this.folder, 'photos')
  }

  get config(): string {
    return join(this.folder, 'config')
  }

  get settings(): string {
    return join(this.config, 'settings.yaml')
  }

  get daemon(): string {
    return join(this.folder, 'daemon')
  }

  get #incoming(): string {
    return join(this.folder, 'incoming')
  }

  pathOf({ album, photo }: Place): string {
    return join(this.photos, album, photo)
  }

  write(place: Place, bytes: Uint8Array): Promise<void> {
    return this.#put(this.pathOf(place), bytes)
  }

  remove(place: Place): Promise<void> {
    return rm(this.pathOf(place))
  }

  configure(settings: { title: string; sort: 'date' | 'name'; thumbWidth: number }): Promise<void> {
    const lines = Object.entries(settings).map(([name, value]) => `${name}: ${value}\n`)
    return this.#put(this.settings, lines.join(''))
  }

  close(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true })
  }

  async #put(path: string, content: string | Uint8Array): Promise<void> {
    const partial = join(this.#incoming, 'next')
    await writeFile(partial, content)
    await rename(partial, path)
  }
}
