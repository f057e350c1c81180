/**
 * knip: files, exports and dependencies that nobody uses, and those that are used but not declared.
 *
 * Usage: npm run check -- knip
 */
import { tool } from '../programs.mjs'
import { merge, unseen } from './canary.mjs'

export async function knip() {
  const [house, planted] = await Promise.all([
    tool('knip', '--no-progress', '--no-config-hints'),
    tool('knip', '--no-progress', '--directory', 'scripts/canaries/knip'),
  ])
  return merge([
    house,
    unseen('knip', planted.output, ['unused-file.ts', 'unusedExport', 'nobody-imports-this']),
  ])
}
