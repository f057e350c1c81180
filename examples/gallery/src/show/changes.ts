/**
 * Changes: what the show does to the photos, and exactly what has to go by it.
 */
import { readFile, readdir } from 'node:fs/promises'
import { makePhoto, placeOf, type Place } from '../pictures/make.ts'
import { themes } from '../pictures/scene.ts'
import type { Change, Stage } from './stage.ts'

export interface Script {
  readonly stage: Stage
  readonly count: number
  readonly seed: number
}

/** Each is made when its turn has come, since what it has to reach depends on those before. */
export const changes: readonly ((script: Script) => Promise<Change>)[] = [
  rewrite,
  add,
  remove,
  configure,
  restart,
]

const thumbWidth = 320
const albums = themes.map(({ album }) => album)

async function rewrite({ stage, seed }: Script): Promise<Change> {
  const place = placeOf(1)
  const { album } = place
  const awaited = `file:${stage.world.pathOf(place)}`
  const late = await beginLate(stage, awaited)
  const goes = [...keysOfPhoto(place), ...keysOfAlbum(album), 'page:home']
  const bytes = await makePhoto(1, seed + 1)
  const act = () => stage.world.write(place, bytes)
  return { title: 'A photo is written again', to: pathOf(place), act, awaited, goes, loads: goes, also: late }
}

async function add({ stage, count, seed }: Script): Promise<Change> {
  const number = Math.ceil(count / albums.length) * albums.length + 2
  const place = placeOf(number)
  const bytes = await makePhoto(number, seed)
  const goes = [...keysOfAlbum(place.album), 'page:home']
  return {
    title: 'A photo is added',
    to: pathOf(place),
    act: () => stage.world.write(place, bytes),
    awaited: `file:${stage.world.pathOf(place)}`,
    goes,
    loads: [...goes, ...keysOfPhoto(place)],
  }
}

async function remove({ stage }: Script): Promise<Change> {
  const place = placeOf(3)
  const loads = [...keysOfAlbum(place.album), 'page:home']
  return {
    title: 'A photo is removed',
    to: pathOf(place),
    act: () => stage.world.remove(place),
    awaited: `file:${stage.world.pathOf(place)}`,
    goes: [...loads, ...keysOfPhoto(place)],
    loads,
  }
}

/** The thumbnails stay: their width is a part of their key. */
async function configure({ stage }: Script): Promise<Change> {
  const { world } = stage
  const pages = (await places(stage)).map(({ album, photo }) => `page:photo:${album}/${photo}`)
  const goes = ['settings', ...albums.flatMap(keysOfAlbum), ...pages, 'page:home']
  return {
    title: 'The settings get another title and order',
    to: 'settings.yaml',
    act: () => world.configure({ title: 'From the mountains to the sea', sort: 'name', thumbWidth }),
    awaited: `file:${world.settings}`,
    goes,
    loads: goes,
  }
}

/** What changes while nobody watches is told by nobody: the gap is, and everything goes. */
async function restart({ stage, seed }: Script): Promise<Change> {
  const place = placeOf(5)
  const bytes = await makePhoto(5, seed + 2)
  const goes = ['settings', 'albums', 'page:home', ...albums.flatMap(keysOfAlbum)]
  goes.push(...(await places(stage)).flatMap(keysOfPhoto))
  return {
    title: 'The daemon restarts, and a photo changes meanwhile',
    to: pathOf(place),
    act: async () => {
      await stage.daemon.stop()
      await stage.world.write(place, bytes)
      await stage.daemon.start()
    },
    awaited: 'gap',
    goes,
    loads: goes,
  }
}

/** Begins a thumbnail now, to hand it in after the change: made from the old photo, it must not be taken. */
async function beginLate({ shared }: Stage, dependsOn: string): Promise<NonNullable<Change['also']>> {
  const key = 'late-thumbnail'
  const { token } = await shared.ask(key)
  if (token === undefined) throw new Error('the daemon gave no token')
  const old = new Uint8Array(await readFile(dependsOn.slice('file:'.length)))
  return async () => {
    const status = await shared.handIn(key, old, { token, dependsOn })
    const answer = status === 409 ? 'refused' : 'taken'
    return {
      seen: `a thumbnail begun before it and handed in after it is ${answer} (${status})`,
      isRight: status === 409,
    }
  }
}

async function places({ world }: Stage): Promise<Place[]> {
  const lists = await Promise.all(albums.map((album) => readdir(world.pathOf({ album, photo: '' }))))
  return lists.flatMap((photos, i) => photos.map((photo) => ({ album: albums[i] as string, photo })))
}

function keysOfPhoto(place: Place): string[] {
  const path = pathOf(place)
  return [`thumb:${thumbWidth}:${path}`, `exif:${path}`, `page:photo:${path}`]
}

function keysOfAlbum(album: string): string[] {
  return [`album:${album}`, `page:album:${album}`]
}

function pathOf({ album, photo }: Place): string {
  return `${album}/${photo}`
}
