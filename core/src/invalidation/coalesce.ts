/**
 * Coalescing: several jobs of one batch are carried out together, and a name that several of them give is
 * done once.
 *
 * Invariants: each job is in exactly one group; a group's jobs agree on consistency, mode, prefix and "all", so
 * that what is done for the group is, for each of its names, what each job asked for; groups stand in the order
 * of their first jobs, and names in the order in which jobs give them; a job whose last run a crash cut off has a
 * group of its own, so that one that ends its process does not take others with it time and again.
 */
import { crashed, type InvalidationRequest, type Job } from './contract.ts'
import { requestOf } from './record.ts'

export type Group = readonly [Job, ...Job[]]

export function coalesce(jobs: readonly Job[]): readonly Group[] {
  const groups = new Map<string, [Job, ...Job[]]>()
  for (const job of jobs) {
    const key = isAlone(job) ? job.id : JSON.stringify([job.consistency, job.mode, job.all, job.prefix])
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [job])
    else group.push(job)
  }
  return [...groups.values()]
}

/** Whether its last run was cut off by a crash. */
export function isAlone(job: Job): boolean {
  return job.error?.code === crashed.code
}

/** One request for all of a group; its id is that of the first job, so that it is found in the history. */
export function unionOf(group: Group): InvalidationRequest {
  return {
    ...requestOf(group[0]),
    names: [...new Set(group.flatMap((job) => job.names))],
    reason: agreed(group.map((job) => job.reason)),
    actor: agreed(group.map((job) => job.actor)),
    requestedAt: Math.min(...group.map((job) => job.requestedAt)),
  }
}

/** What all say, or null. */
function agreed(said: readonly (string | null)[]): string | null {
  const [first = null] = said
  return said.every((each) => each === first) ? first : null
}
