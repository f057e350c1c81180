/**
 * A directory as the backing of a cache: puts its parts together, and keeps them going.
 *
 * Invariants: this process is known to the others before anything of it is; whoever died is noticed within seconds.
 */
import { randomUUID } from 'node:crypto'
import type { Backend, Backing, BackingParts } from '../backing/contract.ts'
import type { Timer } from '../model/clock.ts'
import type { BackingState } from '../model/backing.ts'
import { StaleproofError } from '../model/errors.ts'
import { checkKnown } from '../model/known.ts'
import { sizeBytes, type Size } from '../model/quantity.ts'
import { pathOf } from './directory.ts'
import type { Environment } from './environment.ts'
import { DiskHistory } from './history.ts'
import { DiskLog } from './log.ts'
import type { Nodes } from './nodes.ts'
import { DiskBeneath } from './beneath.ts'
import { openDirectory, type Sizes } from './open.ts'
import { DiskQueue } from './queue.ts'
import { DiskTier } from './tier.ts'
import { openTurns, type DiskTurns } from './turns.ts'

export interface DiskOptions {
  /** The directory, or its file: URL; made if it is not there. Any number of processes of one machine may share it. */
  readonly path: string | URL
  /** All entries together. Default 10gb, at most 8192gb. */
  readonly maxBytes?: Size | undefined
  /** Larger values are kept in memory only. Default: a tenth of `maxBytes`. */
  readonly maxEntryBytes?: Size | undefined
}

/**
 * Keeps entries, log, queue and history of a cache in a directory: `createCache({ disk: disk({ path: './cache' }) })`.
 * Needs the packages `lmdb` and `koffi`.
 * @throws E_OPTIONS_INVALID, E_SIZE_INVALID; when the cache is made: E_DISK_PATH, E_DISK_READONLY, E_DISK_NETWORK,
 *   E_DISK_FORMAT, E_DISK_FULL, E_DISK_FAILED
 */
export function disk(options: DiskOptions): Backend<'disk'> {
  // Plain JavaScript may give nothing at all.
  const path = pathOf((options as DiskOptions | undefined)?.path, 'disk.path')
  checkKnown(options, ['path', 'maxBytes', 'maxEntryBytes'], 'disk')
  const bytesMax = bytesMaxOf(options.maxBytes ?? '10gb')
  const entryBytesMax = sizeBytes(options.maxEntryBytes ?? Math.ceil(bytesMax / 10), 'disk.maxEntryBytes')
  const sizes = { path, bytesMax, entryBytesMax }
  return {
    kind: 'disk',
    open: (parts) => new DiskBacking(sizes, parts),
    openBeneath: (parts) => new DiskBeneath(sizes, parts),
  }
}

/** LMDB maps the file into memory, at several times this, and ends the process if there are not so many addresses. */
const bytesMost = 2 ** 43

function bytesMaxOf(maxBytes: Size): number {
  const bytes = sizeBytes(maxBytes, 'disk.maxBytes')
  if (bytes <= bytesMost) return bytes
  const message = `disk.maxBytes is ${maxBytes}; give '8192gb' at most: the directory is mapped into memory`
  throw new StaleproofError('E_SIZE_INVALID', message, {
    details: { what: 'disk.maxBytes', value: maxBytes },
  })
}

/** Who appended and died at once has told nobody: the log itself is looked at, so often. */
const lookMs = 1000

class DiskBacking implements Backing {
  readonly log: DiskLog
  readonly shared: DiskTier
  readonly turns: DiskTurns
  readonly queue: DiskQueue
  readonly history: DiskHistory
  readonly #parts: BackingParts
  readonly #environment: Environment
  readonly #nodes: Nodes
  readonly #closeTail: () => void
  #others = 0
  #timer: Timer | undefined

  constructor(sizes: Sizes, parts: BackingParts) {
    const { clock, state, onError, onWritten } = parts
    const { environment, tail, nodes } = openDirectory(sizes, parts)
    this.#parts = parts
    this.#environment = environment
    this.#closeTail = () => tail.close()
    this.#nodes = nodes
    this.log = new DiskLog({
      environment,
      tail,
      state,
      clock,
      onError,
      onWritten,
      generation: generationOf(environment),
      onLook: () => {
        this.#others = this.#nodes.others()
      },
    })
    this.turns = openTurns(environment, this.#nodes)
    this.shared = new DiskTier({
      ...parts,
      ...sizes,
      environment,
      log: this.log,
      isShared: () => this.#others > 0,
    })
    const common = { environment, nodes: this.#nodes, clock, onError }
    this.history = new DiskHistory({ ...parts.history, ...common })
    this.queue = new DiskQueue({ ...parts.queue, ...common, history: this.history })
    this.#lookLater()
    // When there may be listeners.
    if (environment.putAside !== undefined)
      void clock.turn().then(() => onError(lost(environment), 'opening'))
  }

  get state(): BackingState {
    const { failure, waiting } = this.log
    const error = failure === undefined ? null : { code: failure.code, message: failure.message }
    const status = error === null ? 'ok' : 'failing'
    const { usage, sweep } = this.shared
    const putAside = this.#environment.putAside ?? null
    return { name: 'disk', status, error, putAside, others: this.#others, waiting, usage, sweep }
  }

  async close(): Promise<void> {
    this.#timer?.cancel()
    await this.queue.close()
    await this.history.close()
    await this.log.close()
    await this.#environment.flush()
    await this.#environment.close()
    this.#nodes.leave()
    this.turns.close()
    this.#closeTail()
  }

  #lookLater(): void {
    this.#timer = this.#parts.clock.schedule(lookMs, () => {
      this.log.pull()
      this.#lookLater()
    })
  }
}

function lost({ path, putAside }: Environment): StaleproofError {
  return new StaleproofError(
    'E_DISK_DAMAGED',
    `what was in ${path} could not be read (${putAside}), was put aside in its folder 'damaged', and the cache begins ` +
      "empty: entries are loaded again, queued invalidations and history are lost unless 'staleproof doctor' saves them",
    { details: { path, why: putAside } },
  )
}

/** A directory's own: what was made of another is not known to be good. */
function generationOf(environment: Environment): string {
  const meta = environment.table<Buffer>('meta', 'bytes')
  const key = Buffer.from('generation')
  const known = meta.get(key)?.toString()
  if (known !== undefined) return known
  return environment.transactNow(() => {
    const generation = meta.get(key)?.toString() ?? randomUUID()
    void meta.put(key, Buffer.from(generation))
    return generation
  })
}
