/**
 * Settings of a run: what nodes have beneath them, and who keeps their log. What is not given follows from the seed.
 */
export interface Setting {
  /** Replicas that nodes wait for. */
  readonly replicas: number
  /** Each node has a directory of its own beneath. */
  readonly hasDirectories: boolean
  /** Nodes ask a sentinel where their server is. Never by seed: the links of nodes lead to the sentinel then. */
  readonly hasSentinel: boolean
}

export function settingOf(seed: number, given: Partial<Setting>): Setting {
  return {
    hasDirectories: given.hasDirectories ?? seed % 2 === 1,
    replicas: given.replicas ?? (seed % 4 >= 2 ? 1 : 0),
    hasSentinel: given.hasSentinel ?? false,
  }
}

export function settingText({ replicas, hasDirectories, hasSentinel }: Setting): string {
  const all = [
    replicas > 0 ? `${replicas} replica waited for` : 'replicas not waited for',
    ...(hasDirectories ? ['directories'] : []),
    ...(hasSentinel ? ['a sentinel'] : []),
  ]
  return all.join(', ')
}
