/**
 * Mistakes that real faults have to bring to light, and which faults do so soon.
 */
import type { Setting } from './setting.ts'
import { type SimulatedMutation, simulatedMutations } from '../sim/mutations.ts'

export interface FaultMutation {
  readonly mutation: SimulatedMutation
  readonly by: readonly string[]
  /** Where it shows. */
  readonly where?: Partial<Setting>
}

const later = ['long delay', 'half open', 'one way, up only', 'SIGSTOP']
const lossy = ['promotion, tail lost', 'server killed, restarted without its tail']

export const faultMutations: readonly FaultMutation[] = [
  { mutation: known('lease-never-looked-at'), by: later },
  { mutation: known('nodes-are-not-waited-for'), by: later },
  { mutation: known('no-wait-for-a-young-generation'), by: ['FLUSHALL', 'DEL log', ...later] },
  {
    mutation: {
      name: 'a-restart-is-not-noticed',
      file: 'redis/lua.js',
      from: 'if not meta[1] or meta[2] ~= epoch() then',
      to: 'if not meta[1] then',
    },
    by: lossy,
  },
  {
    mutation: {
      name: 'replicas-are-not-waited-for',
      file: 'redis/replicas.js',
      from: 'if (replicas === 0)',
      to: 'if (replicas >= 0)',
    },
    by: ['promotion, tail lost'],
    where: { replicas: 1 },
  },
  {
    mutation: {
      name: 'accepted-before-it-is-queued',
      file: 'invalidation/drain.js',
      from: 'if (!(await this.#queue.add(job)))\n                return await this.#known(job.id);',
      to: 'void this.#queue.add(job).catch(() => undefined);',
    },
    by: [...later, 'SIGKILL', 'reset', 'cut in a request'],
  },
  {
    mutation: {
      name: 'claimed-and-forgotten',
      file: 'redis/queue.js',
      from: 'if (jobs.length === 0 || this.#closing !== undefined)',
      to: 'if (this !== undefined)',
    },
    by: ['reset', 'cut in an answer', 'cut in a request', 'CLIENT KILL'],
  },
  {
    mutation: {
      name: 'completed-before-it-is-in-force',
      file: 'invalidation/worker.js',
      from: 'return await this.#options.perform(request);',
      to: "void this.#options.perform(request).catch(() => undefined);\n            return { ...failedRecord(request, new Error(''), 0), status: 'completed', error: null };",
    },
    by: later,
  },
  {
    mutation: {
      name: 'what-a-tier-gives-is-not-judged',
      file: 'cache/held.js',
      from: 'return !this.isFenced && this.judge(entry) === undefined ? this.#aged(entry) : undefined;',
      to: 'return !this.isFenced ? this.#aged(entry) : undefined;',
    },
    by: ['SIGKILL, away for long'],
    where: { hasDirectories: true },
  },
  { mutation: known('waits-too-short'), by: later },
  { mutation: known('lease-for-half-as-long-again'), by: later },
  { mutation: known('news-are-a-lease'), by: later },
]

function known(name: string): SimulatedMutation {
  const mutation = simulatedMutations.find((one) => one.name === name)
  if (mutation === undefined) throw new Error(`no such mutation: ${name}`)
  return mutation
}
