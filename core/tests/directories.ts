/**
 * Directories for tests: each of its own, removed when the test file ends.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

const made: string[] = []

afterAll(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true })
})

export function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'staleproof-'))
  made.push(path)
  return path
}
