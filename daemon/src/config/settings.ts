/**
 * The effective configuration as lines, each with where it came from.
 *
 * Invariant: no password is among them.
 */
import { pathText, type Path } from './problem.ts'
import type { LoadedConfig } from './load.ts'
import { withoutSecret } from './secret.ts'

export interface Setting {
  readonly path: string
  readonly value: unknown
  readonly origin: string
}

/** Every setting that has a value, in the order of the schema. */
export function settingsOf({ config, originOf }: LoadedConfig): Setting[] {
  return leaves([], config)
    .filter(({ value }) => value !== undefined)
    .map(({ path, value }) => ({
      path: pathText(path),
      value: withoutSecret(path, value),
      origin: originOf(path),
    }))
}

function leaves(path: Path, value: unknown): { path: Path; value: unknown }[] {
  if (typeof value !== 'object' || value === null) return [{ path, value }]
  const steps: [string | number, unknown][] = Array.isArray(value)
    ? [...value.entries()]
    : Object.entries(value)
  if (steps.length === 0) return [{ path, value }]
  return steps.flatMap(([step, inner]) => leaves([...path, step], inner))
}
