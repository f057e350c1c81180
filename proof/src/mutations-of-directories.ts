/**
 * Mutations of what caches that share a directory do, each of which is found: by a property of several caches, or by
 * processes that are killed.
 */
import type { Mutation } from './mutations.ts'

export interface DirectoryMutation extends Omit<Mutation, 'invariants'> {
  /**
   * properties: those of several caches on a directory. power: one process, and what was flushed. group: three
   * processes, one of which is killed. boundary: one process that is killed.
   */
  readonly by: 'properties' | 'power' | 'group' | 'boundary'
}

const log = 'disk/log.js'
const queue = 'disk/queue.js'

export const directoryMutations: readonly DirectoryMutation[] = [
  {
    name: 'acknowledged-before-it-is-flushed',
    by: 'power',
    file: log,
    from: 'await this.#parts.environment.flush();\n            this.#snapshotIfDue();',
    to: 'this.#snapshotIfDue();',
  },
  {
    name: 'accepted-before-it-is-flushed',
    by: 'power',
    file: queue,
    from: 'this.#durably(() => this.#add(row, bytes))',
    to: 'this.#transact(() => this.#add(row, bytes))',
  },
  {
    name: 'out-of-the-queue-before-it-is-on-record',
    by: 'boundary',
    file: queue,
    from: 'this.#jobs.drop(ended.id, seq);\n            this.#history.write(ended);',
    // Long enough that a process dies in between wherever it is ended.
    to: 'this.#jobs.drop(ended.id, seq);\n            setTimeout(() => { if (this.#closing === undefined) this.#step(() => void this.#history.write(ended)); }, 20);',
  },
  {
    name: 'takes-the-jobs-of-one-that-lives',
    by: 'group',
    file: queue,
    from: 'if (this.#options.nodes.isGone(node))',
    to: 'if (node !== this.#node)',
  },
  {
    name: 'nobody-looks-at-the-tail',
    by: 'properties',
    file: log,
    from: 'if (this.#tail.look() !== this.#seen)\n            this.pull();',
    to: '',
  },
  {
    name: 'not-judged-after-the-tier-answered',
    by: 'properties',
    file: 'cache/reader.js',
    from: 'const found = held.assess(entry);',
    to: "entry.verifiedAt = Infinity;\n        const found = { entry, state: 'fresh' };",
  },
]
