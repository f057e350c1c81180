/**
 * Driver: the one contract through which a server is asked; a client of Redis stands behind it (client.ts).
 *
 * Invariants: what is asked in one tick reaches the server in that order; a call settles within the time limit,
 * whatever becomes of the connection; it is never sent twice; one that rejects may have been carried out all the same.
 */
import { createHash } from 'node:crypto'
import { StaleproofError } from '../model/errors.ts'

export type Arg = string | number | Uint8Array
/** Text and bytes alike come as bytes. */
export type Reply = Buffer | number | null | readonly Reply[]

/** Lua that the server runs as one atomic step. KEYS[1] is the prefix of all keys, in one hash slot. */
export interface Script {
  readonly text: string
  readonly sha: string
}

export interface Driver {
  /** @throws E_REDIS_UNREACHABLE, E_REDIS_FULL, E_REDIS_FAILED */
  run(script: Script, args: readonly Arg[]): Promise<Reply>
  /** One command; `key` says which server of a cluster. @throws the same */
  call(command: string, key: string | Uint8Array, ...args: readonly Arg[]): Promise<Reply>
  /** One that waits for something to happen, for so long at most; on a connection of its own. @throws the same */
  wait(limitMs: number, command: string, ...args: readonly Arg[]): Promise<Reply>
  /** How many replicas have what was written through `run` and `call`; waits for so many, for so long at most. @throws the same */
  replicated(replicas: number, limitMs: number): Promise<number>
  /** Prefix of all keys: a hash tag, so that a cluster keeps them together. */
  readonly prefix: string
  /** Whether there is a connection, as far as is known. */
  readonly isConnected: boolean
  /** Called when there is a connection again. */
  onConnect(listener: () => void): void
  close(): Promise<void>
}

/**
 * A script with what it is made of. It may write even if memory is full: what says that something is stale has to get
 * through.
 */
export function script(...parts: readonly string[]): Script {
  return scriptOf('#!lua flags=allow-oom', parts)
}

/** The same for what needs room: refused as a whole when memory is full. */
export function roomyScript(...parts: readonly string[]): Script {
  return scriptOf('#!lua', parts)
}

function scriptOf(head: string, parts: readonly string[]): Script {
  const text = [head, ...parts].join('\n')
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}

export function numberOf(reply: Reply | undefined): number {
  if (typeof reply === 'number') return reply
  const number = reply instanceof Buffer ? Number(reply.toString()) : Number.NaN
  if (!Number.isNaN(number)) return number
  throw new StaleproofError('E_REDIS_FAILED', `the server answered ${String(reply)} where a number was due`)
}

export function textOf(reply: Reply | undefined): string {
  if (reply instanceof Buffer) return reply.toString()
  throw new StaleproofError('E_REDIS_FAILED', `the server answered ${String(reply)} where text was due`)
}

export function bytesOf(reply: Reply | undefined): Buffer {
  if (reply instanceof Buffer) return reply
  throw new StaleproofError('E_REDIS_FAILED', `the server answered ${String(reply)} where bytes were due`)
}

export function listOf(reply: Reply | undefined): readonly Reply[] {
  if (Array.isArray(reply)) return reply as readonly Reply[]
  throw new StaleproofError('E_REDIS_FAILED', `the server answered ${String(reply)} where a list was due`)
}
