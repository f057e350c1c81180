/**
 * The door through which the tail of a library under proof is moved: a boundary before it, and one after.
 */
import { told } from './boundaries.ts'

export function add(cells: Int32Array, at: number, by: number): number {
  return told('moving the tail', () => Atomics.add(cells, at, by))
}
