/**
 * Mistakes that real faults have to bring to light, and which faults do so soon.
 */
import { type SimulatedMutation, simulatedMutations } from '../sim/mutations.ts'

export interface FaultMutation {
  readonly mutation: SimulatedMutation
  readonly by: readonly string[]
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
  { mutation: known('waits-too-short'), by: later },
  { mutation: known('lease-for-half-as-long-again'), by: later },
  { mutation: known('news-are-a-lease'), by: later },
]

function known(name: string): SimulatedMutation {
  const mutation = simulatedMutations.find((one) => one.name === name)
  if (mutation === undefined) throw new Error(`no such mutation: ${name}`)
  return mutation
}
