/**
 * Observer: tells of every change below a folder, from what the system tells and from looking by ourselves.
 *
 * Invariants: one watch per folder, none per file; a folder is watched first and read then, so that what is made
 * in between is told by the watch; what is told is the difference between two looks at the disk, and an event
 * only says where to look; a look at everything, `rescanMs` apart, finds what no event told. In the first scan
 * nothing is told.
 */
import { watch, type FSWatcher } from 'node:fs'
import { basename, join } from 'node:path'
import type { Clock, Timer } from 'staleproof'
import type { Kind } from './contract.ts'
import { isGone, lookAt, namesIn, type Look } from './folder.ts'
import { Settling } from './settling.ts'
import { Tree } from './tree.ts'

/** unknown: it was gone before we could see what it was. */
export type What = 'file' | 'folder' | 'unknown'

/** What was there when it was told of: null if nothing. */
export interface Seen {
  readonly what: What
  readonly look: Look | null
}

export interface ObserverOptions {
  /** Absolute real path. */
  readonly root: string
  readonly clock: Clock
  readonly stabilityMs: number
  readonly rescanMs: number
  /** False: it is found by looking only. */
  readonly live: boolean
  readonly isIgnored: (path: string) => boolean
  readonly changed: (kind: Kind, path: string, seen: Seen) => void
  /** Something happened to the folder itself. */
  readonly rootChanged: () => void
  /** Changes of this path may go unseen. */
  readonly failed: (path: string, error: unknown) => void
  /** A look at everything met no failure. */
  readonly complete: () => void
  /** How a folder is watched; `fs.watch` if left out. */
  readonly watch?: typeof watch | undefined
}

/** Looks under way at a time, in each folder. */
const looksMax = 64

export class Observer {
  readonly #options: ObserverOptions
  readonly #tree = new Tree()
  readonly #watches = new Map<string, FSWatcher>()
  readonly #settling: Settling
  #timer: Timer | undefined
  #scanning: Promise<void> = Promise.resolve()
  #failures = 0
  #scanned = false
  #stopped = false

  constructor(options: ObserverOptions) {
    this.#options = options
    const { clock, stabilityMs } = options
    const failed = (path: string, error: unknown) => this.#fail(path, error)
    const settled = (path: string, look: Look | null) => this.#settled(path, look)
    this.#settling = new Settling({ clock, stabilityMs, look: lookAt, settled, failed })
  }

  /** Files and folders that are known. */
  get size(): number {
    return this.#tree.size
  }

  /** All that is known, as it was last told of, or as it was found at the start. */
  entries(): Iterable<[path: string, look: Look]> {
    return this.#tree.entries()
  }

  /** Resolves when every folder is watched. @throws what the system answers when it will not watch a folder */
  async start(): Promise<void> {
    await this.#scan(this.#options.root)
    this.#scanned = true
    this.#rescanLater()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    this.#settling.stop()
    await this.#scanning
    for (const path of [...this.#watches.keys()]) this.#unwatch(path)
    this.#tree.clear()
  }

  #rescanLater(): void {
    if (this.#stopped) return
    const { clock, rescanMs } = this.#options
    this.#timer = clock.schedule(rescanMs, () => {
      this.#scanning = this.#rescan()
    })
  }

  async #rescan(): Promise<void> {
    const { root, complete } = this.#options
    const failures = this.#failures
    await this.#attempt(root, () => this.#scan(root))
    if (this.#failures === failures && !this.#stopped) complete()
    this.#rescanLater()
  }

  #fail(path: string, error: unknown): void {
    this.#failures += 1
    this.#options.failed(path, error)
  }

  async #attempt(path: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#fail(path, error)
    }
  }

  async #scan(folder: string): Promise<void> {
    if (this.#stopped) return
    this.#watch(folder)
    const names = await namesIn(folder)
    const present = new Set(names)
    for (const name of this.#tree.namesIn(folder)) {
      if (!present.has(name)) this.#settling.differs(join(folder, name))
    }
    for (let from = 0; from < names.length; from += looksMax) {
      await Promise.all(names.slice(from, from + looksMax).map((name) => this.#visit(join(folder, name))))
    }
  }

  async #visit(path: string): Promise<void> {
    if (this.#options.isIgnored(path)) return
    const look = await lookAt(path)
    if (look?.isFolder) return this.#enter(path, look)
    if (this.#scanned) {
      if (look?.text !== this.#tree.get(path)?.text) this.#settling.differs(path)
    } else if (look !== null) this.#tree.set(path, look)
  }

  async #enter(folder: string, look: Look): Promise<void> {
    const before = this.#tree.get(folder)
    if (before?.isFolder === false) this.#drop(folder)
    // Another folder took its place: our watch is on the one that is gone.
    if (before?.text !== look.text) this.#unwatch(folder)
    this.#tree.set(folder, look)
    if (before?.isFolder !== true) this.#tell('created', folder, { what: 'folder', look })
    await (this.#scanned ? this.#attempt(folder, () => this.#scan(folder)) : this.#enterFirst(folder))
  }

  /** A folder inside that we may not read is no reason not to start; a system that will not watch is. */
  async #enterFirst(folder: string): Promise<void> {
    try {
      await this.#scan(folder)
    } catch (error) {
      if (!['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
      this.#fail(folder, error)
    }
  }

  #settled(path: string, look: Look | null): void {
    if (path === this.#options.root) return this.#options.rootChanged()
    const before = this.#tree.get(path)
    if (look === null) return this.#drop(path)
    if (look.text === before?.text) return
    if (look.isFolder) return void this.#attempt(path, () => this.#enter(path, look))
    if (before?.isFolder === true) this.#drop(path)
    this.#tree.set(path, look)
    this.#tell(before?.isFolder === false ? 'changed' : 'created', path, { what: 'file', look })
  }

  #drop(path: string): void {
    const removed = this.#tree.remove(path)
    // It came and went between two looks: who read it in the meantime has to be told.
    if (removed.length === 0) this.#tell('removed', path, { what: 'unknown', look: null })
    for (const { path: gone, isFolder } of removed) {
      if (isFolder) this.#unwatch(gone)
      this.#tell('removed', gone, { what: isFolder ? 'folder' : 'file', look: null })
    }
  }

  #tell(kind: Kind, path: string, seen: Seen): void {
    if (this.#scanned && !this.#stopped) this.#options.changed(kind, path, seen)
  }

  #touch(path: string): void {
    if (this.#stopped || this.#options.isIgnored(path)) return
    this.#settling.touch(path)
  }

  #watch(folder: string): void {
    if (!this.#options.live || this.#watches.has(folder)) return
    const open = this.#options.watch ?? watch
    try {
      const watcher = open(folder, { persistent: false }, (_, name) => this.#heard(folder, name))
      watcher.on('error', (error) => {
        this.#unwatch(folder)
        this.#touch(folder)
        if (!isGone(error)) this.#fail(folder, error)
      })
      this.#watches.set(folder, watcher)
    } catch (error) {
      // Gone since we looked: the watch on its parent tells.
      if (!isGone(error)) throw error
    }
  }

  #unwatch(folder: string): void {
    this.#watches.get(folder)?.close()
    this.#watches.delete(folder)
  }

  #heard(folder: string, name: string | null): void {
    // An event of the folder itself comes under its own name, as one of a file inside that is called the same.
    if (name === null || name === basename(folder)) this.#touch(folder)
    if (name === null) return
    const path = join(folder, name)
    if (name !== basename(folder) || this.#tree.get(path) !== undefined) return this.#touch(path)
    void this.#attempt(path, async () => {
      if ((await lookAt(path)) !== null) this.#touch(path)
    })
  }
}
