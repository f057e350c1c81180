/**
 * Make: JPEG files with EXIF, in one folder per album, made once and then copied for each run.
 *
 * Invariants: seed and number decide a photo, bytes included; a set of originals is there whole or not at all.
 */
import { constants } from 'node:fs'
import { access, cp, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp, { type Exif } from 'sharp'
import { between, pick, randomFrom, type Random } from './random.ts'
import { sceneOf, themes, type Theme } from './scene.ts'

/** Where a photo is, relative to the folder of all photos. */
export interface Place {
  readonly album: string
  readonly photo: string
}

export interface Originals {
  readonly folder: string
  readonly count: number
  readonly seed: number
  readonly progress: (done: number) => void
}

const atATime = 4
const cameras = [
  ['Nikon', 'Z 6II'],
  ['FUJIFILM', 'X-T5'],
  ['Canon', 'EOS R6'],
  ['Leica', 'Q3'],
] as const

/** Makes the originals unless they are there. @returns their folder */
export async function makeOriginals({ folder, count, seed, progress }: Originals): Promise<string> {
  const whole = join(folder, `originals-${count}-${seed}`)
  if (await isThere(whole)) return whole
  const partial = `${whole}.partial-${process.pid}`
  for (const { album } of themes) await mkdir(join(partial, album), { recursive: true })
  let next = 0
  let done = 0
  const worker = async () => {
    while (next < count) {
      const number = next++
      const { album, photo } = placeOf(number)
      await writeFile(join(partial, album, photo), await makePhoto(number, seed))
      progress(++done)
    }
  }
  await Promise.all(Array.from({ length: atATime }, worker))
  await rename(partial, whole).catch(async (error: unknown) => {
    // Another run was faster; what it made is the same.
    await rm(partial, { recursive: true })
    if (!(await isThere(whole))) throw error
  })
  return whole
}

export async function copyOriginals(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true, mode: constants.COPYFILE_FICLONE })
}

export function placeOf(number: number): Place {
  const { album } = themeOf(number)
  const place = Math.floor(number / themes.length) + 1
  return { album, photo: `${album}-${String(place).padStart(3, '0')}.jpg` }
}

export async function makePhoto(number: number, seed: number): Promise<Buffer> {
  const random = randomFrom(seed * 100_003 + number)
  const theme = themeOf(number)
  const svg = Buffer.from(sceneOf(theme, random))
  return sharp(svg).withExif(exifOf(theme, random)).jpeg({ quality: 82 }).toBuffer()
}

function themeOf(number: number): Theme {
  return themes[number % themes.length] as Theme
}

function exifOf({ words }: Theme, random: Random): Exif {
  const [make, model] = pick(random, cameras)
  const title = `${pick(random, words)} ${pick(random, ['at dawn', 'in May', 'after rain', 'at last', 'by noon'])}`
  return {
    IFD0: { Make: make, Model: model, ImageDescription: title, Software: 'Staleproof gallery' },
    // Of libvips' directories this is the one of the camera: EXIF proper.
    IFD2: {
      DateTimeOriginal: dateOf(random),
      ISOSpeedRatings: String(pick(random, [100, 200, 400, 800, 1600])),
      FNumber: pick(random, ['18/10', '28/10', '56/10', '8/1']),
      ExposureTime: `1/${pick(random, [30, 125, 500, 1000])}`,
      FocalLength: `${Math.round(between(random, 18, 105))}/1`,
    },
  }
}

/** As EXIF writes it: 2024:07:31 18:05:09. */
function dateOf(random: Random): string {
  const ms = Date.UTC(2023, 0, 1) + Math.floor(random() * 2 * 365 * 86_400) * 1000
  return new Date(ms).toISOString().slice(0, 19).replaceAll('-', ':').replace('T', ' ')
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
