/**
 * The parts of the library that have no public door, as far as the simulation uses them; and the library with them.
 */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Backing, BackingParts, Change, EntryParts, Log } from 'staleproof'
import { openLibrary, type Library } from '../library.ts'

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
  nodes(generation: string, except: string): Promise<Register | 'other'>
  acknowledged(said: number): Promise<void>
  forget(generation: string, nodes: readonly NodeAck[]): Promise<void>
  leave(id: string): Promise<void>
  snapshot(): Promise<Snapshot | undefined>
  records(generation: string, n: number): Promise<readonly Told[]>
  begin(base: Pick<Snapshot, 'generation' | 'dump'>): Promise<void>
  keep(snapshot: Snapshot): Promise<void>
  watch(since: () => Since, onNews: OnNews): void
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

export interface Parts extends Library {
  readonly Member: Make<Member, MemberParts>
  readonly MemoryHistory: Make<Backing['history'], BackingParts['history'] & Pick<BackingParts, 'clock'>>
  readonly MemoryQueue: Make<
    Backing['queue'],
    BackingParts['queue'] & { readonly history: Backing['history'] }
  >
}

export type { Backing, BackingParts, Change, EntryParts }

/** @param folder the built library, or a mutant of it */
export async function openParts(folder: string): Promise<Parts> {
  const load = (file: string): Promise<unknown> =>
    import(/* @vite-ignore */ pathToFileURL(join(folder, file)).href)
  const parts = await Promise.all([
    openLibrary(folder),
    load('consistency/member.js'),
    load('invalidation/memory-history.js'),
    load('invalidation/memory-queue.js'),
  ])
  return Object.assign({}, ...parts) as Parts
}
