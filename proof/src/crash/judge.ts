/**
 * Judges what a cache serves against the truth that processes share.
 *
 * A reader is told the truth of an interval: what was demanded when it began bounds each ingredient from below, what is
 * true when it ends from above. Of what is filled from all sources only those count that it was declared to depend on
 * when the reader began.
 */
import { linked, linkOf, type Made, rule, ruled } from './roles.ts'
import type { Moment, SharedTruth } from './shared-truth.ts'

/** What is wrong with an answer; undefined if nothing is. */
export function fault(
  value: Made | undefined,
  { key, began, truth }: { key: string; began: Moment; truth: SharedTruth },
): string | undefined {
  if (value === undefined) return undefined
  if (value.key !== key) return `${key}: invented: ${JSON.stringify(value).slice(0, 200)}`
  for (const [name, version] of Object.entries(value.versions)) {
    if (version > truth.version(name)) return `${key}: from the future: ${name} ${version}`
    const demanded = counts(key, name, began) ? began.demanded(name) : 0
    if (version < demanded) return `${key}: stale: made from ${name} ${version}, and ${demanded} is demanded`
  }
  return undefined
}

function counts(key: string, name: string, began: Moment): boolean {
  if (linked.includes(key)) return began.isDeclared(linkOf(key, name))
  if (ruled.includes(key)) return name.slice(2) === key.slice(2) && began.isDeclared(rule)
  return true
}
