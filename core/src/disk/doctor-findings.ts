/**
 * Findings: what a look at a directory found wrong, kind by kind, and what is worth knowing beside it.
 */
export type ProblemKind =
  | 'data-unreadable'
  | 'not-salvaged'
  | 'file-system'
  | 'no-room'
  | 'entry-damaged'
  | 'value-lost'
  | 'index-lacks'
  | 'index-strays'
  | 'counts-wrong'
  | 'ended-damaged'
  | 'log-damaged'
  | 'log-gap'
  | 'snapshot-damaged'
  | 'job-damaged'
  | 'queue-index'
  | 'record-damaged'
  | 'history-index'

const texts: Readonly<Record<ProblemKind, string>> = {
  'data-unreadable': 'data.mdb cannot be read to its end: all that is in it is lost but what can be salvaged',
  'not-salvaged': 'data that could not be read was put aside, and nothing was salvaged from it yet',
  'file-system': 'the file system is not fit: processes share no memory there, and locks do not hold',
  'no-room': 'the disk is nearly full',
  'entry-damaged': 'an entry is not what was written',
  'value-lost': 'the file of a value is not there, or not what was written',
  'index-lacks':
    'an entry lacks rows of the index: it would not go for room, or not be found by what it depends on',
  'index-strays': 'the index has rows that no entry has',
  'counts-wrong': 'the counts are not those of the entries, or not what was written',
  'ended-damaged': 'what is known of entries that ended is not what was written',
  'log-damaged': 'a record of the log is not what was written: everything counts as invalidated at it',
  'log-gap': 'the log lacks records: what they invalidated is not known',
  'snapshot-damaged': 'a snapshot of the log is not what was written',
  'job-damaged': 'a queued invalidation is not what was written, and cannot be carried out',
  'queue-index': 'a queued invalidation would not be found, or more than once',
  'record-damaged': 'a record of the history is not what was written',
  'history-index': 'a record of the history would not be found, or never be dropped',
}

export interface Problem {
  readonly kind: ProblemKind
  /** What it means. */
  readonly message: string
  readonly count: number
  /** Which ones, the first few. */
  readonly examples: readonly string[]
}

const examplesMax = 10

export class Findings {
  readonly notes: string[] = []
  readonly #found = new Map<ProblemKind, { count: number; examples: string[] }>()

  add(kind: ProblemKind, example: string, count = 1): void {
    const known = this.#found.get(kind) ?? { count: 0, examples: [] }
    known.count += count
    if (known.examples.length < examplesMax) known.examples.push(example)
    this.#found.set(kind, known)
  }

  has(...kinds: readonly ProblemKind[]): boolean {
    return kinds.some((kind) => this.#found.has(kind))
  }

  get problems(): Problem[] {
    return Array.from(this.#found, ([kind, found]) => ({ kind, message: texts[kind], ...found }))
  }
}
