/**
 * biome, as a formatter only. `npm run format` writes what this check wants.
 *
 * Usage: npm run check -- format
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, tool } from '../programs.mjs'
import { merge } from './canary.mjs'

export async function format() {
  const [house, planted] = await Promise.all([tool('biome', 'format', '--max-diagnostics=200'), canary()])
  return merge([house, planted], /Checked (\d+ files)/.exec(house.output)?.[1])
}

/** The canary goes in by stdin, since biome passes over its folder; it has to come out another. */
async function canary() {
  const ugly = readFileSync(join(root, 'scripts/canaries/format/ugly.ts'), 'utf8')
  const { stdout } = await tool({ name: 'biome', input: ugly }, 'format', '--stdin-file-path=scripts/ugly.ts')
  const isSeen = stdout === "export const ugly = { quotes: 'double' }\n"
  return { code: isSeen ? 0 : 1, output: `the format check is blind: it made of its canary\n${stdout}` }
}
