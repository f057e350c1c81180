/** Secrets: what nobody may see of a setting who only looks at the configuration. */
import type { Path } from './problem.ts'

const hidden = '***'

/** The value as it may be shown: without passwords, those in an address too. */
export function withoutSecret(path: Path, value: unknown): unknown {
  return path[0] === 'redis' ? cleaned(path.at(-1), value) : value
}

function cleaned(step: string | number | undefined, value: unknown): unknown {
  if (value === undefined) return undefined
  if (step === 'password') return hidden
  if (typeof value === 'string') return value.replace(/^([a-z]+:\/\/[^:/@]*):.*@/i, `$1:${hidden}@`)
  if (Array.isArray(value)) return value.map((item) => cleaned(undefined, item))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, cleaned(key, inner)]))
}
