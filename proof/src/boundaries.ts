/**
 * Boundaries: the moments at which what a process does becomes visible to others, or durable.
 *
 * The library knows nothing of them. The copies of it that are proved (mutants.ts) take `lmdb` and `node:fs` through
 * doors of ours (door-*.ts), which tell whoever watches here. A door and its watcher may be two copies of this module,
 * so that they meet at a symbol that all of a process share.
 */
export interface Watcher {
  /** A boundary, in the very tick: before something is done, or after. */
  at?(what: string): void
  /** Before a transaction, or a flush: it begins when this resolves. Those of one handle go in order. */
  pass?(what: string): Promise<void>
  /** It has ended, well or not. */
  ended?(): void
  /** Bytes of a directory that are about to be flushed, and those that were. */
  flushing?(directory: string): { flushed(): void }
}

interface Meeting {
  watcher?: Watcher | undefined
}

const meeting = Symbol.for('staleproof.proof.boundaries')

function place(): Meeting {
  const shared = globalThis as unknown as Record<symbol, Meeting | undefined>
  return (shared[meeting] ??= {})
}

/** Watches what is done from here on, by handles that are opened from here on. */
export function watch(watcher: Watcher | undefined): void {
  place().watcher = watcher
}

export function watcher(): Watcher | undefined {
  return place().watcher
}

/** Does it, and tells before and after. */
export function told<T>(what: string, work: () => T): T {
  const by = watcher()
  by?.at?.(`before ${what}`)
  const done = work()
  by?.at?.(`after ${what}`)
  return done
}
