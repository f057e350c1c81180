/**
 * Files: a watched folder as a source. A change of `/dir/a.jpg` is a change of `file:/dir/a.jpg` and of `dir:/dir`.
 *
 * Invariants: names are absolute real paths; symbolic links inside are not followed, a link is a file of its own;
 * `#known` holds what the watcher told us of and we did not report as removed; while the folder is lost nothing is
 * known, and both when it goes and when it is back everything below it is reported by prefix, since anything may
 * have changed unseen.
 */
import type { Stats } from 'node:fs'
import { dirname, join } from 'node:path'
import { watch, type ChokidarOptions, type FSWatcher } from 'chokidar'
import { durationMs, type Clock, type Timer } from 'staleproof'
import type { Log } from '../config/log.ts'
import type { WatchedFolder } from '../config/schema.ts'
import type { Change, Kind, Report, Source, SourceStatus } from './contract.ts'
import { entriesOf, identityOf, lookAt, looks, openFolder, type Folder } from './folder.ts'
import { ignorer } from './ignore.ts'
import { Settling } from './settling.ts'
import { isLimit, watchError } from './watch-error.ts'

export interface FilesOptions {
  readonly folder: WatchedFolder
  readonly clock: Clock
  readonly log: Log
  /** How the watcher is made; chokidar's way if left out. */
  readonly open?: (path: string, options: ChokidarOptions) => FSWatcher
}

/** How often we look whether the folder is still there, or is back. */
const folderCheckMs = 2000
const pollingMsByDefault = 1000

type What = 'file' | 'folder'

/** What the watcher's events mean. */
const meanings: Readonly<Record<string, { kind: Kind; what: What } | undefined>> = {
  add: { kind: 'created', what: 'file' },
  addDir: { kind: 'created', what: 'folder' },
  change: { kind: 'changed', what: 'file' },
  unlink: { kind: 'removed', what: 'file' },
  unlinkDir: { kind: 'removed', what: 'folder' },
}

export class FilesSource implements Source {
  readonly #options: FilesOptions
  readonly #settling: Settling
  readonly #known = new Map<string, What>()
  #report: Report = () => {}
  #isIgnored: (path: string) => boolean = () => false
  #folder: Folder = { path: '', identity: '' }
  #watcher: FSWatcher | undefined
  #timer: Timer | undefined
  #checking: Promise<void> | undefined
  #state: SourceStatus['state'] = 'starting'
  #problem: string | null = null
  #changes = 0
  #lastChangeAt: number | null = null
  /** False during a first scan: what is there already did not change. */
  #live = false

  constructor(options: FilesOptions) {
    this.#options = options
    this.#settling = new Settling({
      clock: options.clock,
      stabilityMs: durationMs(options.folder.stability),
      look: lookAt,
      settled: (path, kind) => this.#settled(path, kind),
    })
  }

  /** @throws E_SOURCE_FOLDER_MISSING, E_SOURCE_FOLDER_UNREADABLE, E_SOURCE_WATCH_LIMIT */
  async start(report: Report): Promise<void> {
    this.#report = report
    await this.#watch(await openFolder(this.#options.folder.path))
    this.#checkLater()
  }

  async stop(): Promise<void> {
    this.#state = 'stopped'
    this.#timer?.cancel()
    this.#settling.stop()
    await this.#checking
    await this.#unwatch()
  }

  status(): SourceStatus {
    return {
      name: `files:${this.#options.folder.path}`,
      state: this.#state,
      problem: this.#problem,
      watched: this.#known.size,
      changes: this.#changes,
      lastChangeAt: this.#lastChangeAt,
    }
  }

  async #watch(folder: Folder): Promise<void> {
    const { ignore, polling } = this.#options.folder
    const open = this.#options.open ?? watch
    this.#folder = folder
    this.#isIgnored = ignorer(folder.path, ignore)
    this.#live = false
    this.#problem = null
    this.#watcher = open(folder.path, {
      ignored: this.#isIgnored,
      followSymlinks: false,
      alwaysStat: true,
      // Its way to recognise a replaced file leaves out names that only we may leave out; settling does it.
      atomic: false,
      ...pollingOptions(polling),
    })
    try {
      await this.#scan(this.#watcher)
    } catch (error) {
      await this.#unwatch()
      throw watchError(folder.path, error)
    }
    this.#live = true
    if (this.#state !== 'stopped') this.#state = this.#problem === null ? 'watching' : 'degraded'
  }

  async #scan(watcher: FSWatcher): Promise<void> {
    watcher.on('all', (event, path, stats) => this.#heard(event, path, stats))
    await new Promise<void>((resolve, reject) => {
      watcher.on('ready', resolve)
      watcher.on('error', (error) => {
        if (isLimit(error) && !this.#live) reject(error as Error)
        else this.#degrade(error)
      })
    })
    for (const [path, what] of this.#known) if (what === 'folder') await this.#addMissed(path)
  }

  async #unwatch(): Promise<void> {
    await this.#watcher?.close()
    this.#watcher = undefined
    this.#known.clear()
  }

  #heard(event: string, path: string, stats: Stats | undefined): void {
    const meaning = meanings[event]
    if (meaning === undefined) return
    if (this.#live && meaning.what === 'file' && stats?.isDirectory()) return this.#becameFolder(path)
    if (meaning.kind !== 'removed') this.#known.set(path, meaning.what)
    if (!this.#live) return
    if (path === this.#folder.path && meaning.kind === 'removed') return this.#checkNow()
    this.#settling.touch(path, meaning.kind, stats === undefined ? null : looks(stats))
  }

  /** The watcher goes on to think of it as a file: let it begin anew. */
  #becameFolder(path: string): void {
    this.#tell('removed', path, 'file')
    this.#known.set(path, 'folder')
    this.#watcher?.unwatch(path)
    this.#watcher?.add(path)
    this.#tell('created', path, 'folder')
  }

  #settled(path: string, kind: Kind): void {
    const what = this.#known.get(path) ?? 'file'
    if (kind === 'removed') this.#known.delete(path)
    this.#tell(kind, path, what)
    if (what === 'folder' && kind !== 'removed') {
      this.#addMissed(path).catch((error: unknown) => this.#degrade(error))
    }
  }

  #tell(kind: Kind, path: string, what: What): void {
    const own = what === 'file' ? `file:${path}` : `dir:${path}`
    this.#reportNow({ kind, names: [own, `dir:${dirname(path)}`] })
  }

  #reportNow(change: Change): void {
    this.#changes += 1
    this.#lastChangeAt = this.#options.clock.now()
    this.#report(change)
  }

  /**
   * The watcher reads a folder and then begins to watch it; what is made in between is not seen.
   * Once the folder is at rest we look ourselves, and hand the watcher what it does not know.
   */
  async #addMissed(folder: string): Promise<void> {
    const paths = (await entriesOf(folder)).map((name) => join(folder, name))
    const missed = paths.filter((path) => !this.#known.has(path) && !this.#isIgnored(path))
    if (missed.length > 0) this.#watcher?.add(missed)
  }

  #degrade(error: unknown): void {
    const { path = this.#folder.path } = error as NodeJS.ErrnoException
    const { code, message } = watchError(path, error)
    this.#state = 'degraded'
    this.#problem = message
    this.#options.log.error({ code, folder: this.#folder.path }, message)
  }

  #checkLater(): void {
    if (this.#state === 'stopped') return
    this.#timer = this.#options.clock.schedule(folderCheckMs, () => this.#checkNow())
  }

  #checkNow(): void {
    this.#timer?.cancel()
    this.#checking ??= this.#check()
      .catch((error: unknown) => this.#wait(error as Error))
      .finally(() => {
        this.#checking = undefined
        this.#checkLater()
      })
  }

  /** Is it still the folder that we watch? If not, it is lost, and we watch what is there now. */
  async #check(): Promise<void> {
    const identity = await identityOf(this.#options.folder.path)
    if (this.#state === 'stopped') return
    if (this.#watcher !== undefined && identity === this.#folder.identity) return
    if (this.#watcher !== undefined) await this.#lose()
    await this.#watch(await openFolder(this.#options.folder.path))
    this.#options.log.info({ folder: this.#folder.path }, 'the folder is back and watched again')
    this.#tellAll('created')
  }

  async #lose(): Promise<void> {
    this.#settling.clear()
    await this.#unwatch()
    this.#tellAll('removed')
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

  #tellAll(kind: Kind): void {
    const { path } = this.#folder
    const below = path.endsWith('/') ? path : `${path}/`
    this.#reportNow({ kind, names: [`dir:${path}`], prefix: `file:${below}` })
    this.#report({ kind, names: [], prefix: `dir:${below}` })
  }
}

function pollingOptions(polling: WatchedFolder['polling']): ChokidarOptions {
  if (polling === false) return {}
  const interval = polling === true ? pollingMsByDefault : durationMs(polling)
  return { usePolling: true, interval, binaryInterval: interval }
}
