/**
 * Runs cases as tests of vitest.
 */
import { describe, it } from 'vitest'
import type { Case } from '../../src/testing.ts'

/** @param broken names of cases that fail, and are known to: one that does not any more is told of */
export function suite(name: string, cases: readonly Case[], broken: readonly string[] = []): void {
  describe(name, () => {
    for (const { name, run } of cases) {
      if (broken.includes(name)) it.fails(name, run)
      else it(name, run)
    }
  })
}
