/**
 * Before a program of the proof: with `--help` it prints the comment at the head of that program, where its options are told,
 * and ends.
 *
 * Usage: node --import ./dist/help.js dist/faults.js --help
 */
import { readFileSync } from 'node:fs'

const program = process.argv[1]
if (program !== undefined && process.argv.includes('--help')) {
  const [, head = ''] = /^\/\*\*\n([^]*?)\n \*\//.exec(readFileSync(program, 'utf8')) ?? []
  console.log(head.replaceAll(/^ \* ?/gm, ''))
  process.exit(0)
}
