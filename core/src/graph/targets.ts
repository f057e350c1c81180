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

/** The one that the name begins with; undefined if it begins with none. @param prefixes as `widest` makes them */
export function prefixIn(prefixes: readonly string[], name: string): string | undefined {
  let from = 0
  // The last that does not sort after the name: what lies between a prefix and what begins with it begins with it too.
  for (let until = prefixes.length; from < until; ) {
    const middle = (from + until) >> 1
    if ((prefixes[middle] as string) <= name) from = middle + 1
    else until = middle
  }
  const prefix = prefixes[from - 1]
  return prefix !== undefined && name.startsWith(prefix) ? prefix : undefined
}
