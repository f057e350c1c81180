/**
 * oxlint, with the rules that need types. Each canary names in its first line the rules that must see it.
 *
 * Usage: npm run check -- lint
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, tool } from '../programs.mjs'
import { merge, unseen } from './canary.mjs'

const canaries = 'scripts/canaries/lint'

export async function lint() {
  const [house, planted] = await Promise.all([
    tool('oxlint', '--type-aware', '--ignore-pattern', 'scripts/canaries/**'),
    tool('oxlint', '--type-aware', '--format=json', canaries),
  ])
  const [, files = '0', rules = '0'] = /on (\d+) files with (\d+) rules/.exec(house.output) ?? []
  return merge([house, canary(planted)], `${files} files, ${rules} rules`)
}

function canary({ stdout }) {
  const { diagnostics } = JSON.parse(stdout)
  const found = diagnostics.map(({ filename, code }) => `${filename} ${code}`).join('\n')
  const expected = readdirSync(join(root, canaries)).flatMap((name) => {
    const [first] = readFileSync(join(root, canaries, name), 'utf8').split('\n')
    return first.match(/\w+\([\w-]+\)/g).map((rule) => `${canaries}/${name} ${rule}`)
  })
  return unseen('lint', found, expected)
}
