/**
 * The tidy test: the shape of the house. Its canaries are a table inside the test.
 *
 * Usage: npm run check -- tidy
 */
import { tool } from '../programs.mjs'
import { merge, unseen } from './canary.mjs'

export async function tidy() {
  const verdict = await tool('vitest', 'run', '--no-color', '--reporter=verbose', 'scripts/tidy.test.ts')
  const seen = unseen('tidy', verdict.output, ['rooms sees what is wrong', 'every rule has one'])
  const output = verdict.output.replace(/^ +✓.*\n/gm, '')
  return merge([{ ...verdict, output }, seen], /functions: .*/.exec(output)?.[0])
}
