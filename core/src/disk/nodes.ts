/**
 * Nodes: who has the directory open: a file each in `nodes/`, which says whose process it is.
 *
 * Of a process in another namespace (a container) nothing can be seen but that it touches its file: if it did not for
 * long, it counts as gone.
 *
 * Invariants: a node's file is there before anything else of it is, and a node that closes takes it away last; a node
 * that lives in this namespace is never taken for dead, and one that was killed is, at the next look; one that cannot
 * be looked at now, as when no more files can be opened, counts as living; a file whose name is no id is not ours.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Clock, Timer } from '../model/clock.ts'
import { ownLife, stateOf, type Life } from './life.ts'
import type { Tail } from './tail.ts'
import { writeWhole } from './whole.ts'

const folderName = 'nodes'
const crashesName = 'crashes'
const idForm = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/
const beatMs = 5000
const lateMs = 30_000
/** Many may wait for one node, each of which asks again and again: for so long they are told what was seen last. */
const seenMs = 50

export interface NodesParts {
  readonly directory: string
  readonly tail: Tail
  readonly clock: Clock
  /** That of `randomUUID`: no file of another name is taken for that of a node. */
  readonly id: string
  readonly onError: (error: unknown, during: string) => void
}

export class Nodes {
  readonly id: string
  readonly #folder: string
  readonly #crashes: string
  readonly #tail: Tail
  readonly #clock: Clock
  readonly #onError: NodesParts['onError']
  readonly #own = ownLife()
  /** Id -> when it was last seen to live, by the monotonic clock. */
  readonly #seenAt = new Map<string, number>()
  #timer: Timer | undefined

  constructor({ directory, tail, clock, id, onError }: NodesParts) {
    this.id = id
    this.#folder = join(directory, folderName)
    this.#crashes = join(directory, crashesName)
    this.#tail = tail
    this.#clock = clock
    this.#onError = onError
  }

  /** Others see it when this returns; those that are gone are taken out. */
  join(): void {
    mkdirSync(this.#folder, { recursive: true })
    this.#bury()
    this.#appear()
    this.#beatLater()
  }

  leave(): void {
    this.#timer?.cancel()
    rmSync(this.#fileOf(this.id), { force: true })
    this.#tail.move()
  }

  /** How many have it open besides this one, those that died unseen included. */
  others(): number {
    return this.#ids().filter((id) => id !== this.id).length
  }

  /** Whether the node is gone. One that was never seen is. */
  isGone(id: string): boolean {
    return id !== this.id && isDead(this.#fileOf(id), { own: this.#own, nowMs: this.#clock.now() })
  }

  /** Whether no node that is meant lives, or did a moment ago. One that cannot be looked at now counts as living. */
  areGone(isMeant: (id: string) => boolean): boolean {
    const now = this.#clock.monotonic()
    for (const [id, at] of this.#seenAt) {
      if (now - at >= seenMs) this.#seenAt.delete(id)
      else if (isMeant(id)) return false
    }
    try {
      const living = this.#ids().find((id) => isMeant(id) && !this.isGone(id))
      if (living !== undefined) this.#seenAt.set(living, now)
      return living === undefined
    } catch {
      return false
    }
  }

  #ids(): string[] {
    return readdirSync(this.#folder).filter(isId)
  }

  #bury(): void {
    const gone = this.#ids().filter((id) => this.isGone(id))
    for (const id of gone) this.#crashed(id)
    if (gone.length > 0) this.#tail.move()
  }

  /** Kept for a while, to count them. */
  #crashed(id: string): void {
    mkdirSync(this.#crashes, { recursive: true })
    try {
      renameSync(this.#fileOf(id), join(this.#crashes, id))
    } catch {
      // Another node was faster; one that is not ours to move stays, and counts as one more.
    }
    for (const old of idsIn(this.#crashes)) {
      const file = join(this.#crashes, old)
      if (this.#clock.now() - (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) > crashesWithinMs)
        rmSync(file, { force: true })
    }
  }

  #fileOf(id: string): string {
    return join(this.#folder, id)
  }

  #appear(): void {
    // Beside the folder first: a file that is not whole would be taken for that of a dead node.
    const beside = join(this.#folder, '..', `${this.id}.new`)
    writeWhole(this.#fileOf(this.id), JSON.stringify(this.#own), { beside })
    this.#tail.move()
  }

  #beatLater(): void {
    this.#timer = this.#clock.schedule(beatMs, () => {
      this.#beatLater()
      try {
        this.#beat()
      } catch (error) {
        this.#onError(error, 'telling others that this process lives')
      }
    })
  }

  #beat(): void {
    const now = new Date(this.#clock.now())
    // Whoever stood still for long, seen from elsewhere, was taken for gone.
    if (existsSync(this.#fileOf(this.id))) utimesSync(this.#fileOf(this.id), now, now)
    else this.#appear()
    this.#bury()
  }
}

/** Whether nobody has the directory open. */
export function isFree(directory: string, nowMs: number): boolean {
  const folder = join(directory, folderName)
  const own = ownLife()
  return idsIn(folder).every((id) => isDead(join(folder, id), { own, nowMs }))
}

/** Ends without leaving, of late: that many may come from what is in the directory. */
const crashesMax = 3
const crashesWithinMs = 600_000

export function crashedOften(directory: string, nowMs: number): boolean {
  const files = [folderName, crashesName].flatMap((name) => {
    return idsIn(join(directory, name)).map((id) => join(directory, name, id))
  })
  return files.filter((file) => nowMs - statSync(file).mtimeMs < crashesWithinMs).length >= crashesMax
}

export function forgetCrashes(directory: string): void {
  const folder = join(directory, crashesName)
  for (const id of idsIn(folder)) rmSync(join(folder, id), { force: true })
}

/** Nothing, if it was never opened. */
export function idsIn(folder: string): string[] {
  return ifThere(() => readdirSync(folder))?.filter(isId) ?? []
}

function isId(name: string): boolean {
  return idForm.test(name)
}

/** Whether the process that the file speaks of is gone; so is one whose file is not there, or not whole. */
export function isDead(file: string, seen: { own: Life; nowMs: number }): boolean {
  try {
    return isKnownDead(file, seen)
  } catch {
    // It cannot be looked at now: who lives must not be taken for dead.
    return false
  }
}

function isKnownDead(file: string, { own, nowMs }: { own: Life; nowMs: number }): boolean {
  const text = ifThere(() => readFileSync(file, 'utf8'))
  const life = text === undefined ? undefined : lifeIn(text)
  if (life === undefined) return true
  const state = stateOf(life, own)
  return state === 'unknown'
    ? nowMs - (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) > lateMs
    : state === 'dead'
}

/** Undefined if it was not written to its end. */
function lifeIn(text: string): Life | undefined {
  try {
    return JSON.parse(text) as Life
  } catch {
    return undefined
  }
}

function ifThere<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
