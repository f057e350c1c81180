/**
 * How values are kept and handed out.
 *
 * as-is: the very object that the loader made, for everyone: fastest, and whoever changes it changes it for all.
 * freeze: the same, frozen all the way down when stored. clone: a copy is stored, and every reader gets a copy.
 */
import { StaleproofError } from '../model/errors.ts'

export type ValueMode = 'as-is' | 'freeze' | 'clone'
export const valueModes: readonly ValueMode[] = ['as-is', 'freeze', 'clone']

/** What is stored of a value. @throws E_VALUE_UNCLONEABLE */
export function takeIn(value: unknown, mode: ValueMode): unknown {
  if (mode === 'clone') return clone(value)
  return mode === 'freeze' ? freeze(value) : value
}

export function handOut(value: unknown, mode: ValueMode): unknown {
  return mode === 'clone' ? clone(value) : value
}

function clone(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  try {
    return structuredClone(value)
  } catch (cause) {
    throw new StaleproofError(
      'E_VALUE_UNCLONEABLE',
      "the value cannot be copied (functions and class instances with private state cannot); use values: 'freeze' or 'as-is'",
      { cause },
    )
  }
}

/** Bytes cannot be frozen, and are left as they are. */
function freeze(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || Object.isFrozen(value))
    return value
  Object.freeze(value)
  for (const part of Object.values(value)) freeze(part)
  return value
}
