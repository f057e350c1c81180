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

/** An id of the form of those in `nodes/`, made of the first letters of a name. */
export function nodeId(name: string): string {
  const letters = Buffer.from(name).toString('hex').slice(0, 12)
  return `00000000-0000-4000-8000-${letters.padEnd(12, '0')}`
}

export function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'staleproof-'))
  made.push(path)
  return path
}
