/**
 * The parts of the library that have no public door, as far as the simulation uses them; and the library with them.
 */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Backing, BackingParts, Change, EntryParts, Log } from 'staleproof'
import { openLibrary, type Library } from '../library.ts'
import type { Driver, Given, Script } from './driver.ts'

export interface Since {
  readonly generation: string
  readonly applied: number
  readonly witness: string
}

export interface Told {
  readonly n: number
  readonly nonce: string
  readonly node: string
  readonly change: Change
  readonly atMs: number
}

export type Said =
  | {
      readonly is: 'same'
      readonly generation: string
      readonly tail: number
      readonly records: readonly Told[]
      readonly isAll: boolean
      readonly isSettled: boolean
      readonly nodes: number
    }
  | { readonly is: 'gap' | 'other' | 'lost' }

export interface NodeAck {
  readonly id: string
  readonly name: string
  readonly acked: number
  readonly said: number
}

export interface Register {
  readonly nodes: readonly NodeAck[]
  readonly said: number
}

export interface Presence {
  readonly id: string
  readonly name: string
  readonly isSettled: boolean
}

export interface Appended {
  readonly said: Said
  readonly first: number | undefined
}

export interface Snapshot {
  readonly generation: string
  readonly n: number
  readonly dump: unknown
}

export type OnNews = (news: readonly Told[], generation: string) => void

export interface LogServer {
  readonly name: string
  sync(since: Since, presence: Presence): Promise<Said>
  append(since: Since, changes: readonly Omit<Told, 'n'>[]): Promise<Appended>
  secured(): Promise<void>
  nodes(generation: string, except: string): Promise<Register | 'other'>
  acknowledged(said: number): Promise<void>
  forget(generation: string, nodes: readonly NodeAck[]): Promise<void>
  leave(id: string): Promise<void>
  snapshot(): Promise<Snapshot | undefined>
  records(generation: string, n: number): Promise<readonly Told[]>
  begin(base: Pick<Snapshot, 'generation' | 'dump'>): Promise<void>
  keep(snapshot: Snapshot): Promise<void>
  watch(since: () => Since, onNews: OnNews, onReached: () => void): void
  readonly worth: { readonly is: 'single'; readonly why: string }
  close(): Promise<void>
}

/** The log of many nodes, as one of them sees it. */
export interface Member extends Log {
  readonly isFenced: boolean
  readonly others: number
  readonly waiting: number
  since(): Since
  take(said: Said): boolean
  own(change: Change, before: (n: number) => void): Omit<Told, 'n'>
  disown(nonce: string): void
}

export interface MemberParts extends BackingParts {
  readonly server: LogServer
  readonly id: string
  readonly nodeName: string
  readonly leaseMs: number
  readonly snapshotAfter: number
}

type Make<T, O> = new (options: O) => T

export interface OfNode {
  readonly driver: Driver
  readonly clock: BackingParts['clock']
  readonly node: string
  readonly onError: (error: unknown, during: string) => void
}

/** The history that a queue on Redis keeps its records in. */
export type RedisHistory = Backing['history'] & { rowOf(record: object): readonly Given[] }

/** A job as far as the simulation reads it. */
export interface Job {
  readonly id: string
  readonly names: readonly string[]
  readonly consistency: 'strict' | 'eventual' | 'relaxed'
}

export interface Parts extends Library {
  readonly Member: Make<Member, MemberParts>
  readonly MemoryHistory: Make<Backing['history'], BackingParts['history'] & Pick<BackingParts, 'clock'>>
  readonly MemoryQueue: Make<
    Backing['queue'],
    BackingParts['queue'] & { readonly history: Backing['history'] }
  >
  readonly RedisHistory: Make<RedisHistory, OfNode & BackingParts['history']>
  readonly RedisQueue: Make<
    Backing['queue'],
    OfNode & BackingParts['queue'] & { readonly history: RedisHistory }
  >
  readonly RedisTurns: Make<
    NonNullable<Backing['turns']> & { close(): void },
    Pick<OfNode, 'driver' | 'clock'> & { readonly nodeId: string }
  >
  readonly unsealed: <T>(bytes: Buffer, what: string) => T
  /** name -> script of the library's turns, queue and history */
  readonly scripts: ReadonlyMap<string, Script>
}

export type { Backing, BackingParts, Change, EntryParts }

const files = [
  'consistency/member',
  'invalidation/memory-history',
  'invalidation/memory-queue',
  'redis/history',
  'redis/queue',
  'redis/turns',
  'bytes/codec',
]

/** @param folder the built library, or a mutant of it */
export async function openParts(folder: string): Promise<Parts> {
  const parts = await Promise.all([openLibrary(folder), ...files.map((file) => load(folder, file))])
  return Object.assign({}, ...parts, { scripts: await openScripts(folder) }) as Parts
}

/** By the room and what they do: 'queue.claim'. */
export async function openScripts(folder: string): Promise<ReadonlyMap<string, Script>> {
  const scripts = new Map<string, Script>()
  for (const room of ['turns', 'queue', 'history']) {
    for (const [name, what] of Object.entries(await load(folder, `redis/${room}-lua`)))
      if (name.endsWith('Script')) scripts.set(`${room}.${name.slice(0, -'Script'.length)}`, what as Script)
  }
  return scripts
}

/** What a built file exports. */
export function load(folder: string, file: string): Promise<object> {
  return import(/* @vite-ignore */ pathToFileURL(join(folder, `${file}.js`)).href) as Promise<object>
}
