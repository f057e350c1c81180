/**
 * A canary is a planted violation. A checker that does not see it sees nothing, whatever its exit code says.
 *
 * Usage: import { merge, unseen } from './canary.mjs'
 */

/** What a checker printed, searched for what it had to find. Gives the check's verdict on the checker. */
export function unseen(checker, output, expected) {
  const missing = expected.filter((text) => !output.includes(text))
  if (missing.length === 0) return { code: 0, output: '' }
  return {
    code: 1,
    output: `the ${checker} check is blind: its canary was not seen (${missing.join(', ')})\n${output}`,
  }
}

/** Several verdicts as one: it fails when one fails, and says what those that failed say. */
export function merge(verdicts, detail = '') {
  const failed = verdicts.filter(({ code }) => code !== 0)
  return { code: failed.length, output: failed.map(({ output }) => output.trimEnd()).join('\n'), detail }
}
