import { afterEach, expect, it, vi } from 'vitest'
import { directory } from '../../tests/directories.ts'
import { check } from './check.ts'
import { Environment } from './environment.ts'

afterEach(() => {
  vi.unstubAllEnvs()
})

it('a process that could not start to read the data tells nothing of it', async () => {
  const path = directory()
  await new Environment({ path, nowMs: 0 }).close()
  expect(check(path)).toBeUndefined()
  vi.stubEnv('NODE_OPTIONS', '--import /nowhere/nothing.mjs')
  expect(() => check(path)).toThrow(expect.objectContaining({ code: 'E_DISK_FAILED' }))
})
