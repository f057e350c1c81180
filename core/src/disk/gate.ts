/**
 * Gate: while a process opens or closes a directory, no other opens, closes or writes it.
 *
 * LMDB lets all of them do so at once, and is wrong (lmdb 3.5.6, mdb.c): who opens sets the number of the last transaction,
 * which all share, to what it read a moment before (mdb_env_open2), so that the next writer begins from an old state and
 * destroys the file; who closes last destroys the mutexes that somebody who opens already waits for (mdb_env_close_active).
 * It closes when a process exits, too: so the gate is kept from then on until the process is gone.
 *
 *   gate      locked by who wants to open or close; whoever wants to write passes through
 *   writers   shared by those that write; who opens or closes waits until they have left
 *
 * Invariants: nobody writes, nor opens or closes, while another process does the latter; who waits to do it waits only for
 * those that write already. The system gives back the locks of a process, however it ends: flock(2). Windows has other
 * locks, and no gate.
 */
import { closeSync, constants, openSync } from 'node:fs'
import { constants as constantsOfSystem } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../model/clock.ts'
import { StaleproofError } from '../model/errors.ts'
import { lastFailure, libc } from './libc.ts'

export const lookMs = 1
/** A minute, at least: who looks through a large directory keeps others out for seconds. */
export const looksMax = 60_000
/** flock(2) */
const shared = 1
export const exclusive = 2
const atOnce = 4
export const unlock = 8

/** What this process has of a directory, however often it is open in it: it is no danger to itself. */
interface Hall {
  readonly directory: string
  readonly gate: number
  readonly writers: number
  /** How often it is open. */
  users: number
  closing: Promise<void>
  /** Who is alone in it. */
  alone: number
  /** Who writes. */
  writing: number
}

const halls = new Map<string, Hall>()
let isListening = false

export class Gate {
  readonly hall: Hall

  /** Its files are made; nobody is kept out yet. */
  constructor(directory: string) {
    const hall = halls.get(directory) ?? {
      directory,
      gate: made(join(directory, 'gate')),
      writers: made(join(directory, 'writers')),
      ...{ users: 0, alone: 0, writing: 0, closing: Promise.resolve() },
    }
    this.hall = hall
    halls.set(directory, hall)
    hall.users++
    if (!isListening) process.prependListener('exit', keepAll)
    isListening = true
  }

  /** Does what opens the directory, while all others are kept out. @throws E_DISK_FAILED */
  open<T>(work: () => T): T {
    // In this process it is open already, or about to be closed.
    if (this.hall.users > 1 || this.hall.alone > 0) return work()
    const leave = now(this.hall, () => beAlone(this.hall))
    try {
      return work()
    } finally {
      leave()
    }
  }

  /** Does what closes it; to be called once, when nothing of it is written any more. @throws E_DISK_FAILED */
  close(work: () => Promise<void>): Promise<void> {
    const hall = this.hall
    const isLast = --hall.users === 0
    // One after the other: the last one closes what they shared.
    const closed = hall.closing.then(async () => {
      const leave = isLast ? now(hall, () => beAlone(hall)) : undefined
      await work().finally(leave)
    })
    hall.closing = closed.catch(() => undefined)
    return closed.finally(() => forsake(hall))
  }

  /** To be called instead, if it was not opened. */
  abandon(): void {
    this.hall.users--
    forsake(this.hall)
  }

  /** Does what writes, while nobody opens or closes. @throws E_DISK_FAILED */
  async write<T>(work: () => Promise<T>): Promise<T> {
    const leave = await later(this.hall, () => beWriting(this.hall))
    try {
      return await work()
    } finally {
      leave()
    }
  }

  /** The same at once. */
  writeNow<T>(work: () => T): T {
    const leave = now(this.hall, () => beWriting(this.hall))
    try {
      return work()
    } finally {
      leave()
    }
  }
}

/** Does what must not happen while any other process has to do with the directory. @throws E_DISK_FAILED */
export async function alone<T>(directory: string, work: () => T | Promise<T>): Promise<T> {
  const gate = new Gate(directory)
  const leave = now(gate.hall, () => beAlone(gate.hall))
  try {
    return await work()
  } finally {
    leave()
    gate.abandon()
  }
}

/** What a process needs to be alone in the directory by itself: its files, to be locked in this order. */
export function gateFiles(directory: string): number[] {
  return ['gate', 'writers'].map((name) => made(join(directory, name)))
}

/** Files by which a child is alone with this process as long as it lives; none if this process is not. */
export function toBeAlone(directory: string): number[] {
  const hall = halls.get(directory)
  return hall === undefined || hall.alone === 0 ? [] : [hall.gate, hall.writers]
}

type Leave = () => void

/** Undefined if others are in the way. */
function beAlone(hall: Hall): Leave | undefined {
  if (hall.alone === 0) {
    if (!lock(hall.gate, exclusive)) return undefined
    // Nobody enters any more; those that write leave.
    if (!lock(hall.writers, exclusive)) return undefined
  }
  hall.alone++
  return () => {
    if (--hall.alone > 0) return
    lock(hall.writers, hall.writing > 0 ? shared : unlock)
    lock(hall.gate, unlock)
  }
}

function beWriting(hall: Hall): Leave | undefined {
  if (hall.alone > 0) return beAlone(hall)
  if (!lock(hall.gate, shared)) return undefined
  const isIn = hall.writing > 0 || lock(hall.writers, shared)
  lock(hall.gate, unlock)
  if (!isIn) return undefined
  hall.writing++
  return () => {
    if (--hall.writing === 0 && hall.alone === 0) lock(hall.writers, unlock)
  }
}

/** @returns whether it is locked; false: another process has it. @throws E_DISK_FAILED */
export function lock(file: number, how: number): boolean {
  if (process.platform === 'win32') return true
  flock ??= libc().func('int flock(int fd, int operation)')
  if (flock(file, how | atOnce) === 0) return true
  const why = lastFailure()
  if (why === constantsOfSystem.errno.EWOULDBLOCK) return false
  throw new StaleproofError(
    'E_DISK_FAILED',
    `the directory cannot be locked (flock: errno ${why}), and processes that share it would destroy it; give one on a local disk`,
  )
}

let flock: ((...args: unknown[]) => unknown) | undefined

function now(hall: Hall, attempt: () => Leave | undefined): Leave {
  for (let looks = 0; looks < looksMax; looks++) {
    const leave = attempt()
    if (leave !== undefined) return leave
    Atomics.wait(pause, 0, 0, lookMs)
  }
  throw kept(hall)
}

const pause = new Int32Array(new SharedArrayBuffer(4))

async function later(hall: Hall, attempt: () => Leave | undefined): Promise<Leave> {
  for (let looks = 0; looks < looksMax; looks++) {
    const leave = attempt()
    if (leave !== undefined) return leave
    await new Promise<void>((resolve) => systemClock().schedule(lookMs, resolve, true))
  }
  throw kept(hall)
}

function kept({ directory, gate }: Hall): StaleproofError {
  lock(gate, unlock)
  return new StaleproofError(
    'E_DISK_FAILED',
    `${directory} could not be entered for a minute: another process opens, closes or checks it, or has stopped while it wrote; wait for it, or end it ('fuser ${join(directory, 'gate')}' tells who has it open)`,
    { details: { path: directory } },
  )
}

/** Whoever may read it can lock it. */
function made(file: string): number {
  return openSync(file, constants.O_RDONLY | constants.O_CREAT, 0o666)
}

/** Nothing is kept open of what nobody uses. */
function forsake(hall: Hall): void {
  if (hall.users > 0 || hall.alone > 0 || halls.get(hall.directory) !== hall) return
  halls.delete(hall.directory)
  closeSync(hall.gate)
  closeSync(hall.writers)
}

function keepAll(): void {
  for (const hall of halls.values()) now(hall, () => beAlone(hall))
}
