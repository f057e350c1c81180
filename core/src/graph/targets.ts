/**
 * Targets: what an invalidation is about, or reaches: single names, and all names that begin with a text.
 */
export interface Targets {
  readonly names: readonly string[]
  /** '' means every name. */
  readonly prefixes: readonly string[]
}

export const nothing: Targets = { names: [], prefixes: [] }

/** Sorted, and without those that lie within another one. */
export function widest(prefixes: Iterable<string>): string[] {
  const kept: string[] = []
  for (const prefix of [...prefixes].sort()) {
    // What begins with a prefix sorts directly after it.
    const last = kept.at(-1)
    if (last === undefined || !prefix.startsWith(last)) kept.push(prefix)
  }
  return kept
}
