/**
 * Names of generations and of records: random, so that no two are the same.
 *
 * Invariant: that of a record begins with that of its generation, so that a record shows which one it is of.
 */
import { randomUUID } from 'node:crypto'
import type { Told } from './contract.ts'

export function newGeneration(): string {
  return randomUUID().slice(-12)
}

export function nonceOf(generation: string): string {
  return `${generation}:${randomUUID().slice(0, 8)}`
}

export function isOf({ nonce }: Told, generation: string): boolean {
  return nonce.startsWith(generation)
}
