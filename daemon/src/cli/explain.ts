/** Why an entry is here, or why it went. */
import type { Command } from 'commander'
import { explanationSchema, type Explanation } from '../api/protocol.ts'
import { named } from './client.ts'
import { bytes, moment, plural, safe, span, table } from './layout.ts'
import type { Colors, Terminal } from './terminal.ts'

export function addExplain(program: Command, terminal: Terminal): void {
  program
    .command('explain')
    .summary('why an entry is here, or why it went')
    .description('Tells the state of an entry, what it was made from, and what made it go.')
    .argument('<key>')
    .addHelpText('after', '\nExample:\n  staleproof explain thumb:sea.jpg')
    .action(async (key: string) => {
      terminal.show(await terminal.client().ask(explanationSchema, named('v1/explain', key)), explanationText)
    })
}

export function explanationText(explanation: Explanation, colors: Colors): string {
  const { key, state, dependencies } = explanation
  const paint = state === 'fresh' ? colors.green : state === 'stale' ? colors.yellow : colors.red
  const facts = table(factsOf(explanation).map(([name, value]) => [`  ${colors.dim(name)}`, value]))
  const made = dependencies.length > 0 ? [`made from ${plural(dependencies.length, 'name')}`] : []
  return [`${safe(key)} is ${paint(state)}`, facts, ...made, dependencyRows(dependencies, colors)]
    .filter(Boolean)
    .join('\n')
}

function factsOf({
  tier,
  policy,
  ageMs,
  lifetimeMs,
  expiresAt,
  sizeBytes,
  reads,
  went,
}: Explanation): [string, string][] {
  const facts: [string, string | null][] = [
    ['tier', tier],
    ['policy', policy],
    ['age', ageMs === null ? null : span(ageMs)],
    ['lifetime', lifetimeMs === null ? null : span(lifetimeMs)],
    ['expires', expiresAt === null ? null : moment(expiresAt)],
    ['size', sizeBytes === null ? null : bytes(sizeBytes)],
    ['reads', reads === null ? null : String(reads)],
    ['went', went === null ? null : departure(went)],
  ]
  return facts.filter((fact): fact is [string, string] => fact[1] !== null)
}

function departure({ why, at, because, by }: NonNullable<Explanation['went']>): string {
  const cause = because === null ? '' : ` because of ${safe(because)}`
  return `${moment(at)}, ${why}${cause}${by === null ? '' : ` (${by})`}`
}

function dependencyRows(dependencies: Explanation['dependencies'], colors: Colors): string {
  const rows = dependencies.map(({ name, kind, lastInvalidation: last }) => {
    const when = last === null || last.at === null ? 'never invalidated' : `invalidated ${moment(last.at)}`
    const why = last?.reason == null ? '' : ` (${safe(last.reason)})`
    return [`  ${safe(name)}`, colors.dim(kind), colors.dim(when + why)]
  })
  return table(rows)
}
