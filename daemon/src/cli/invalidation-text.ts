/**
 * An invalidation in words: what was said to have changed, what it reached, and what came of it.
 */
import type { Invalidation, PlannedInvalidation } from '../api/protocol.ts'
import { moment, plural, safe, span, table } from './layout.ts'
import type { Colors } from './terminal.ts'

type Reach = Pick<Invalidation, 'names' | 'prefix' | 'all' | 'cascade' | 'truncated'>

const namesShown = 3
const cascadeShown = 50

/** `file:/a.jpg, file:/b.jpg and 4 more`. */
export function targetText({ names, prefix, all }: Pick<Reach, 'names' | 'prefix' | 'all'>): string {
  if (all) return 'everything'
  const shown = names.slice(0, namesShown).map(safe).join(', ')
  const more = names.length > namesShown ? ` and ${names.length - namesShown} more` : ''
  const below = prefix === null ? [] : [`${safe(prefix)}*`]
  return [...(shown === '' ? [] : [shown + more]), ...below].join(', ')
}

export function statusText(status: Invalidation['status'], colors: Colors): string {
  const paint = { completed: colors.green, failed: colors.red, cancelled: colors.dim }
  return status in paint ? paint[status as keyof typeof paint](status) : colors.yellow(status)
}

/** One line. */
export function summary(invalidation: Invalidation, colors: Colors): string {
  const { id, status, reached } = invalidation
  const reach = reached === null ? '' : `, reached ${plural(reached, 'name')}`
  return `${statusText(status, colors)} ${colors.dim(id)} ${targetText(invalidation)}${reach}`
}

/** All that is known. */
export function details(invalidation: Invalidation, colors: Colors): string {
  const { strategy, consistency, mode, reason, actor, requestedAt, startedAt, endedAt, attempts, error } =
    invalidation
  const took = startedAt === null || endedAt === null ? '' : ` took ${span(endedAt - startedAt)}`
  const facts: [string, string | null][] = [
    ['how', `${strategy}, ${consistency}, ${mode}`],
    ['why', reason === null ? null : safe(reason)],
    ['who', actor === null ? null : safe(actor)],
    ['when', `${moment(requestedAt)}${took}`],
    ['attempts', String(attempts)],
    ['error', error === null ? null : colors.red(`${error.message} (${error.code})`)],
  ]
  const known = facts.flatMap(([name, value]) => (value === null ? [] : [[colors.dim(name), value]]))
  return [
    summary(invalidation, colors),
    table(known),
    tiers(invalidation, colors),
    nodes(invalidation, colors),
    cascade(invalidation, colors),
  ]
    .filter(Boolean)
    .join('\n')
}

export function planText(plan: PlannedInvalidation, colors: Colors): string {
  const entries = Object.entries(plan.entries).map(
    ([tier, count]) => `${plural(count, 'entry', 'entries')} in ${tier}`,
  )
  const title = `${targetText(plan)} would reach ${plural(plan.reached, 'name')}: ${entries.join(', ') || 'no entries'}`
  const cycles = plan.cycles.map((names) => `a circle: ${names.map(safe).join(' -> ')}`)
  return [title, ...cycles, cascade(plan, colors)].filter(Boolean).join('\n')
}

function tiers({ tiers: outcomes }: Invalidation, colors: Colors): string {
  const rows = Object.entries(outcomes).map(([tier, { status, purged, verified, held, error }]) => [
    colors.dim(tier),
    status === 'failed' ? colors.red(status) : status,
    `${purged} purged${verified ? ', verified' : ''}`,
    error ?? (held.length > 0 ? `still holds ${held.slice(0, namesShown).map(safe).join(', ')}` : ''),
  ])
  return table(rows)
}

/** Who else was waited for. */
function nodes({ nodes: outcomes }: Invalidation, colors: Colors): string {
  const rows = outcomes.map(({ name, status }) => [
    colors.dim('node'),
    safe(name),
    status === 'acknowledged' ? status : colors.yellow('outlasted: it did not answer, and its lease is over'),
  ])
  return table(rows)
}

function cascade(
  { cascade: items, truncated, beyondDepth }: Reach & { beyondDepth: number },
  colors: Colors,
): string {
  const rows = items.slice(0, cascadeShown).map(({ name, depth, because }) => {
    return `${'  '.repeat(Math.min(depth, 10) + 1)}${safe(name)}${because === null ? '' : colors.dim(` because of ${safe(because)}`)}`
  })
  const hidden = items.length - rows.length
  if (hidden > 0) rows.push(colors.dim(`  and ${hidden} more; --json lists them`))
  if (truncated) rows.push(colors.dim('  and more that are not listed'))
  if (beyondDepth > 0)
    rows.push(colors.dim(`  and ${beyondDepth} beyond the depth limit: unusable too, swept later`))
  return rows.join('\n')
}
