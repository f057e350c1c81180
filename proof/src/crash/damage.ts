/**
 * Damage: what is on the medium is not what was written. A directory that was worked on is copied and spoiled, and a
 * process opens it: it must not serve anything stale, and end as it should.
 */
import {
  closeSync,
  cpSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { Lives, type Ended } from './lives.ts'
import { Dice, shape } from './roles.ts'
import { SharedTruth } from './shared-truth.ts'

export type Damage = 'cut' | 'flipped byte in a row' | 'value files'

export interface Spoiled {
  readonly faults: readonly string[]
  /** Ends by a signal before it could be opened: what is in it may be such that reading it ends the process. */
  readonly crashes: number
  /** It was told of, or the data was put aside. */
  readonly isReported: boolean
  /** Answers that were values. */
  readonly found: number
}

const dataFile = 'data.mdb'
/** Every value has it (roles.ts), and so shows where it is. */
const word = 'versions'
const pageBytes = 4096
/** After so many ends the directory is looked at before it is opened (nodes.ts of the library). */
const crashesMax = 4

/** One that was worked on, to be copied. */
export async function worked(library: string, seed: number, steps = 400): Promise<Lives> {
  const lives = new Lives(library)
  const ended = await lives.live({ seed, steps })
  if (ended.code !== 0) throw new Error(`could not be made: ${ended.stderr}`)
  return lives
}

export interface Spoiling {
  readonly from: Lives
  /** Is given the path of the copy. */
  readonly spoil: (path: string) => void
  /** Lives on it that end as they should; one after another works on what the one before left. */
  readonly lives?: number
}

export async function spoiled(
  library: string,
  { from, spoil, lives: wanted = 1 }: Spoiling,
): Promise<Spoiled> {
  const lives = new Lives(library)
  cpSync(from.path, lives.path, { recursive: true })
  cpSync(join(from.records, 'truth'), join(lives.records, 'truth'))
  spoil(lives.path)
  let [crashes, well] = [0, 0]
  let ended: Ended
  do {
    forgetDeclarations(lives)
    ended = await lives.live({ seed: 1 + crashes + well, steps: 40 })
    if (ended.code === 0) well++
    else crashes++
  } while (well < wanted && crashes < crashesMax)
  const said = lives.lines
  const wrong = said.flatMap((line) => (line.say === 'fault' ? [line.text] : []))
  // What fails is told to who asked for it: that is no fault here.
  const faults = wrong.filter((text) => /: (stale|invented|from the future)/.test(text))
  const isRefused = wrong.length > faults.length
  if (ended.code !== 0) faults.push(`ended by ${ended.signal ?? ended.code}: ${ended.stderr.slice(0, 300)}`)
  const isReported =
    existsSync(join(lives.path, 'damaged')) || isRefused || said.some(({ say }) => say === 'told')
  const found = said.reduce((sum, line) => sum + (line.say === 'end' ? line.found : 0), 0)
  lives.remove()
  return { faults, crashes, isReported, found }
}

/** They are lost with what held them, and that is told. */
function forgetDeclarations({ records }: Lives): void {
  const truth = new SharedTruth(join(records, 'truth'), shape(1))
  for (const declaration of shape(1).declarations) truth.declare(0, declaration, false)
  truth.close()
}

export function damage(how: Damage, seed: number): Spoiling['spoil'] {
  const dice = new Dice(seed)
  return (path) => {
    const data = join(path, dataFile)
    if (how === 'cut') truncateSync(data, dice.below(statSync(data).size))
    else if (how === 'flipped byte in a row') flip(data, dice)
    else spoilValues(join(path, 'values'), dice)
  }
}

/** Of `data.mdb`, but for the two that it begins with. */
export function pagesOf({ path }: Lives): number[] {
  const count = statSync(join(path, dataFile)).size / pageBytes
  return Array.from({ length: count - 2 }, (_, i) => i + 2)
}

/** Cuts off so many bytes at the end. */
export function cut(bytes: number): Spoiling['spoil'] {
  return (path) => truncateSync(join(path, dataFile), statSync(join(path, dataFile)).size - bytes)
}

export type PageDamage = 'garbage' | 'zeros' | 'another page'

export function pageDamage(how: PageDamage, page: number): Spoiling['spoil'] {
  const dice = new Dice(page)
  return (path) => {
    const data = join(path, dataFile)
    const another = dice.below(statSync(data).size / pageBytes)
    const bytes = {
      garbage: () => Buffer.from(Array.from({ length: pageBytes }, () => dice.below(256))),
      zeros: () => Buffer.alloc(pageBytes),
      'another page': () => readFileSync(data).subarray(another * pageBytes, (another + 1) * pageBytes),
    }
    overwrite(data, page * pageBytes, bytes[how]())
  }
}

/** A bit in some values, and nowhere else: beside them stands what LMDB finds its rows by (pages.ts). */
function flip(data: string, dice: Dice): void {
  const bytes = readFileSync(data)
  const places = valuesIn(bytes)
  for (let i = 0; i < 20; i++) {
    const at = dice.of(places) + dice.below(word.length)
    overwrite(data, at, Buffer.of((bytes[at] ?? 0) ^ (1 << dice.below(8))))
  }
}

function spoilValues(folder: string, dice: Dice): void {
  for (const file of filesIn(folder)) {
    if (dice.below(2) === 0) rmSync(file)
    else truncateSync(file, dice.below(statSync(file).size))
  }
}

/** No read of what was stored finds what was written. */
export function spoilEvery(path: string): void {
  const data = join(path, dataFile)
  const bytes = readFileSync(data)
  for (const at of valuesIn(bytes)) overwrite(data, at, Buffer.of((bytes[at] ?? 0) ^ 1))
  for (const file of filesIn(join(path, 'values'))) truncateSync(file, statSync(file).size - 1)
}

/** Where the word stands. */
function valuesIn(bytes: Buffer): number[] {
  const places: number[] = []
  for (let at = bytes.indexOf(word); at >= 0; at = bytes.indexOf(word, at + 1)) places.push(at)
  return places
}

function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return []
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return names.map((name) => join(folder, name)).filter((file) => statSync(file).isFile())
}

function overwrite(file: string, at: number, bytes: Buffer): void {
  const fd = openSync(file, 'r+')
  writeSync(fd, bytes, 0, bytes.length, at)
  closeSync(fd)
}
