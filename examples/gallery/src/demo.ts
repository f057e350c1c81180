/**
 * The demo: starts a daemon and the gallery over a few hundred photos, and shows what goes and what stays.
 *
 * Usage: node dist/demo.js [--once] [--json] [--photos 300] [--seed 1] [--port 0] [--data <folder>]
 *   --once   end after the show: 0 if all was as it has to be, else 1
 *   --json   the outcome as JSON and nothing else; implies --once
 *   --data   where the photos are kept from one run to the next
 */
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import pc from 'picocolors'
import { makeOriginals } from './pictures/make.ts'
import { changes } from './show/changes.ts'
import { Daemon } from './show/daemon.ts'
import type { Proof } from './show/proof.ts'
import { Report } from './show/report.ts'
import { Stage, type Outcome } from './show/stage.ts'
import { World } from './show/world.ts'

const { values } = parseArgs({
  options: {
    once: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    photos: { type: 'string', default: '300' },
    seed: { type: 'string', default: '1' },
    port: { type: 'string', default: '0' },
    data: { type: 'string', default: fileURLToPath(new URL('../data', import.meta.url)) },
  },
})
const count = Math.max(12, Number(values.photos))
const seed = Number(values.seed)
const isTty = process.stdout.isTTY && !values.json
const colors = pc.createColors(isTty && !process.env.NO_COLOR)
/** What has to be closed, the newest first. */
const open: (() => Promise<void>)[] = []
let ending: Promise<void> | undefined
let isShown = false

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void end(isShown ? 0 : 130))
try {
  const isRight = await show()
  isShown = true
  if (values.once || values.json) await end(isRight ? 0 : 1)
} catch (error) {
  if (ending === undefined) console.error((error as Error).stack)
  await end(1)
}

async function show(): Promise<boolean> {
  const { stage, report, makingMs } = await begin()
  const warm = await stage.warm()
  const columns = report.table(warm.counts, ['loaded', 'after'])
  say(`${colors.bold('0  Everything is asked for once')}\n${columns.join('\n')}\n${report.proof(warm.proof)}`)
  const outcomes: Outcome[] = []
  for (const change of changes) {
    const outcome = await stage.show(await change({ stage, count, seed }))
    outcomes.push(outcome)
    say(report.outcome(outcomes.length, outcome))
  }
  const failures = [...warm.proof.stale, ...outcomes.flatMap(({ failures }) => failures)]
  const { folder } = stage.world
  if (values.json) console.log(JSON.stringify({ folder, photos: count, makingMs, warm, outcomes, failures }))
  say(verdict([warm, ...outcomes], failures.length))
  if (!values.once) say(invitation(stage))
  return failures.length === 0
}

async function begin() {
  const began = performance.now()
  const originals = await makeOriginals({ folder: values.data, count, seed, progress })
  const makingMs = Math.round(performance.now() - began)
  const world = await World.open(originals)
  open.unshift(() => world.close())
  const daemon = new Daemon({ folder: world.daemon, watched: [world.photos, world.config] })
  open.unshift(() => daemon.stop())
  const stage = await Stage.open(world, daemon, Number(values.port))
  open.unshift(() => stage.close())
  const report = new Report(colors, world.folder)
  say(`${colors.dim('photos ')} ${count} in ${world.photos}`)
  say(`${colors.dim('daemon ')} ${daemon.url}, watching them\n${colors.dim('gallery')} ${stage.url}\n`)
  return { stage, report, makingMs }
}

function progress(done: number): void {
  const text = `making photos ${done}/${count}`
  if (isTty) process.stdout.write(`\r${text}${done === count ? '\r\x1b[K' : ''}`)
  else if (done === count) say(text)
}

function verdict(steps: readonly { proof: Proof }[], failed: number): string {
  const sum = (of: 'served' | 'held') => steps.reduce((all, { proof }) => all + proof[of], 0)
  const stale = steps.reduce((all, { proof }) => all + proof.stale.length, 0)
  const counts = `${sum('served')} served and ${sum('held')} held results: ${stale} stale.`
  if (failed === 0) return `\nIn all ${counts} ${colors.green('Everything was as it has to be.')}`
  return `\nIn all ${counts} ${colors.red(`Not as it has to be: ${failed}.`)}`
}

function invitation({ url, daemon, world }: Stage): string {
  return [
    `\nChange something in ${colors.cyan(world.folder)} and look again:`,
    `  gallery   ${colors.cyan(url)}   why is it here: ${url}/explain?key=page:home`,
    `  daemon    ${colors.cyan(daemon.url)}   what it told: ${daemon.url}/v1/invalidations`,
    'Ctrl-C ends it all.',
  ].join('\n')
}

function say(text: string): void {
  if (!values.json) console.log(text)
}

/** What is under way when we are told to end fails then, as it has to; the first reason counts. */
function end(code: number): Promise<void> {
  ending ??= close().then(() => process.exit(code))
  return ending
}

async function close(): Promise<void> {
  for (const close of open.splice(0)) await close().catch((error: unknown) => console.error(error))
}
