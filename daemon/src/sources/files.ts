/**
 * Files: a watched folder as a source. A change of `/dir/a.jpg` is a change of `file:/dir/a.jpg` and of `dir:/dir`.
 *
 * Invariants: names are absolute real paths; symbolic links inside are not followed, a link is a file of its own;
 * there is an observer exactly while the folder is watched; both when the folder goes and when it is back
 * everything below it is reported by prefix, since anything may have changed unseen; where looks are kept, the start
 * reports what differs from them, and everything by prefix if there are none; so it does where none are kept and entries
 * outlive the process.
 */
import type { watch } from 'node:fs'
import { dirname } from 'node:path'
import { type Clock, durationMs, type Timer } from 'staleproof'
import type { Log } from '../config/log.ts'
import type { WatchedFolder } from '../config/schema.ts'
import type { Change, Kind, Report, Source, SourceStatus } from './contract.ts'
import { identityOf, openFolder, type Folder } from './folder.ts'
import { ignorer } from './ignore.ts'
import { differences, Looks, type Kept, type LooksOptions } from './looks.ts'
import { Observer, type Seen, type What } from './observer.ts'
import { watchError } from './watch-error.ts'

export interface FilesOptions {
  readonly folder: WatchedFolder
  readonly clock: Clock
  readonly log: Log
  /** How a folder is watched; `fs.watch` if left out. */
  readonly watch?: typeof watch
  /** Files and folders that are never reported, besides those that are ignored. */
  readonly ours?: readonly string[] | undefined
  /** Where to keep for the next life how the folder looks; nothing is kept if left out. */
  readonly looks?: Pick<LooksOptions, 'folder' | 'position'> | undefined
  /** Entries outlive this process even if no looks are kept: others hold them. */
  readonly outlives?: boolean | undefined
}

/** How often we look whether the folder is still there, or is back. */
const folderCheckMs = 2000
/** How often we look at everything, besides what the system tells. */
const rescanMs = 600_000
const pollingMsByDefault = 1000

export class FilesSource implements Source {
  readonly #options: FilesOptions
  readonly #looks: Looks | undefined
  #report: Report = () => {}
  #folder: Folder = { path: '', identity: '' }
  #observer: Observer | undefined
  #timer: Timer | undefined
  #checking: Promise<void> | undefined
  #state: SourceStatus['state'] = 'starting'
  #problem: string | null = null
  #changes = 0
  #lastChangeAt: number | null = null

  constructor(options: FilesOptions) {
    this.#options = options
    this.#looks = this.#looksBy(options)
  }

  /** @throws E_SOURCE_FOLDER_MISSING, E_SOURCE_FOLDER_UNREADABLE, E_SOURCE_WATCH_LIMIT, E_SOURCE_WATCH_FAILED */
  async start(report: Report): Promise<void> {
    this.#report = report
    const folder = await openFolder(this.#options.folder.path)
    const kept = await this.#looks?.load()
    await this.#observe(folder)
    if (this.#looks !== undefined || this.#options.outlives === true) this.#tellSince(kept)
    this.#looks?.renew()
    this.#checkLater()
  }

  async kept(): Promise<void> {
    await this.#looks?.kept()
  }

  async stop(): Promise<void> {
    this.#state = 'stopped'
    this.#timer?.cancel()
    await this.#checking
    await this.#unobserve()
  }

  status(): SourceStatus {
    return {
      name: `files:${this.#options.folder.path}`,
      state: this.#state,
      problem: this.#problem,
      watched: this.#observer?.size ?? 0,
      changes: this.#changes,
      lastChangeAt: this.#lastChangeAt,
    }
  }

  async #observe(folder: Folder): Promise<void> {
    this.#folder = folder
    this.#problem = null
    const observer = this.#observerOf(folder.path)
    this.#observer = observer
    try {
      await observer.start()
    } catch (error) {
      this.#observer = undefined
      await observer.stop()
      throw watchError(folder.path, error)
    }
    if (this.#state !== 'stopped') this.#state = this.#problem === null ? 'watching' : 'degraded'
  }

  #observerOf(root: string): Observer {
    const { clock, folder, ours = [], watch } = this.#options
    const { ignore, polling, stability } = folder
    return new Observer({
      root,
      clock,
      watch,
      live: polling === false,
      rescanMs: polling === false ? rescanMs : pollingMs(polling),
      stabilityMs: durationMs(stability),
      isIgnored: ignorer(root, ignore, ours),
      changed: (kind, path, seen) => this.#tellOf(kind, path, seen),
      rootChanged: () => this.#checkNow(),
      failed: (path, error) => this.#degrade(path, error),
      complete: () => this.#recover(),
    })
  }

  #looksBy({ folder, clock, log, looks }: FilesOptions): Looks | undefined {
    if (looks === undefined) return undefined
    const { path, ignore } = folder
    return new Looks({ ...looks, clock, log, watched: { path, ignore }, now: () => this.#now() })
  }

  #now(): ReturnType<LooksOptions['now']> {
    const entries = this.#observer?.entries()
    return entries === undefined ? undefined : { path: this.#folder.path, entries }
  }

  /** What changed since the last life; everything may have, if it is not known how the folder looked. */
  #tellSince(kept: Kept | undefined): void {
    const { path } = this.#folder
    const isKnown = kept?.path === path
    if (kept !== undefined && !isKnown) this.#tellAll('removed', kept.path)
    if (!isKnown) this.#tellAll('unseen')
    const found = isKnown ? differences(kept.rows, this.#observer?.entries() ?? []) : []
    for (const { kind, path: changed, what, look } of found) this.#tellOf(kind, changed, { what, look })
    const { log } = this.#options
    log.info({ folder: path, changes: isKnown ? found.length : 'unknown' }, 'compared with the last run')
  }

  #tellOf(kind: Kind, path: string, { what, look }: Seen): void {
    this.#tell({ kind, names: namesOf(path, what), delivered: this.#looks?.telling(path, look) })
  }

  #tell(change: Change): void {
    this.#changes += 1
    this.#lastChangeAt = this.#options.clock.now()
    this.#report(change)
  }

  #tellAll(kind: Kind, path = this.#folder.path): void {
    const below = path.endsWith('/') ? path : `${path}/`
    const delivered = () => this.#looks?.telling()
    this.#tell({ kind, names: [`dir:${path}`], prefix: `file:${below}`, delivered: delivered() })
    this.#report({ kind, names: [], prefix: `dir:${below}`, delivered: delivered() })
  }

  #degrade(path: string, error: unknown): void {
    const { code, message } = watchError(path, error)
    if (this.#state === 'stopped' || this.#problem === message) return
    this.#state = 'degraded'
    this.#problem = message
    this.#options.log.error({ code, folder: this.#folder.path }, message)
  }

  #recover(): void {
    if (this.#state !== 'degraded') return
    this.#state = 'watching'
    this.#problem = null
    this.#options.log.info({ folder: this.#folder.path }, 'the whole folder is watched again')
  }

  #checkLater(): void {
    if (this.#state === 'stopped') return
    this.#timer = this.#options.clock.schedule(folderCheckMs, () => this.#checkNow())
  }

  #checkNow(): void {
    if (this.#checking !== undefined || this.#state === 'stopped') return
    this.#timer?.cancel()
    this.#checking = this.#check()
      .catch((error: unknown) => this.#wait(error as Error))
      .finally(() => {
        this.#checking = undefined
        this.#checkLater()
      })
  }

  /** Is it still the folder that we watch? If not, it is lost, and we watch what is there now. */
  async #check(): Promise<void> {
    const { path } = this.#options.folder
    const identity = await identityOf(path)
    if (this.#observer !== undefined && identity === this.#folder.identity) return
    await this.#lose()
    await this.#observe(await openFolder(path))
    this.#options.log.info({ folder: this.#folder.path }, 'the folder is back and watched again')
    this.#tellAll('created')
    this.#looks?.renew()
  }

  async #lose(): Promise<void> {
    if (this.#observer === undefined) return
    await this.#unobserve()
    this.#tellAll('removed')
  }

  /** What an observer that stops still knows says nothing any more. */
  async #unobserve(): Promise<void> {
    const observer = this.#observer
    this.#observer = undefined
    await observer?.stop()
  }

  /** Called every time that a lost folder is still not there: told once. */
  #wait({ message }: Error): void {
    if (this.#state === 'stopped') return
    if (this.#problem !== message) {
      this.#options.log.error({ folder: this.#folder.path }, `${message}; looking for it every 2 s`)
    }
    this.#state = 'waiting'
    this.#problem = message
  }
}

function namesOf(path: string, what: What): string[] {
  const own = what === 'file' ? ['file:'] : what === 'folder' ? ['dir:'] : ['file:', 'dir:']
  return [...own.map((kind) => kind + path), `dir:${dirname(path)}`]
}

function pollingMs(polling: Exclude<WatchedFolder['polling'], false>): number {
  return polling === true ? pollingMsByDefault : durationMs(polling)
}
