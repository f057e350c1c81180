import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { systemClock } from 'staleproof'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Look } from './folder.ts'
import { differences, Looks, type LooksOptions } from './looks.ts'

let folder: string
let logged: string[]
let position: { generation: string; n: number }
/** What is told of now. */
let entries: Map<string, Look>

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'staleproof-looks-'))
  logged = []
  position = { generation: 'g', n: 5 }
  entries = new Map()
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const look = (text: string, more: Partial<Look> = {}): Look => ({
  isFolder: false,
  text: `1:${text}`,
  changedAt: 0,
  isSure: true,
  ...more,
})

const watched = { path: '/photos', ignore: ['*.raw'] }

function looksOf(options: Partial<LooksOptions> = {}): Looks {
  return new Looks({
    folder,
    position: () => position,
    clock: systemClock(),
    log: pino({}, { write: (line) => logged.push(JSON.parse(line).msg) }),
    watched,
    now: () => ({ path: '/real', entries }),
    ...options,
  })
}

/** What the next life finds. */
const kept = async (options: Partial<LooksOptions> = {}) => {
  const found = await looksOf(options).load()
  return found === undefined ? undefined : Object.fromEntries(found.rows)
}

async function keep(first: Record<string, Look>): Promise<Looks> {
  entries = new Map(Object.entries(first))
  const looks = looksOf()
  looks.renew()
  await looks.kept()
  return looks
}

const file = () => join(folder, readdirSync(folder)[0] ?? '')

it('keeps what was there at first, and what was told of since', async () => {
  const looks = await keep({ a: look('1'), b: look('1'), c: look('1'), d: look('', { isFolder: true }) })
  expect(await kept()).toEqual({ a: '1', b: '1', c: '1', d: '/' })
  looks.telling('a', look('2'))()
  looks.telling('b', null)()
  const late = looks.telling('c', look('2'))
  await looks.kept()
  expect(await kept()).toEqual({ a: '2', c: '1', d: '/' })
  late()
  await looks.kept()
  expect(await kept()).toEqual({ a: '2', c: '2', d: '/' })
  expect((await looksOf().load())?.path).toBe('/real')
})

it('writes nothing at first before all that was told of is durable', async () => {
  entries = new Map([['a', look('2')]])
  const looks = looksOf()
  const delivered = looks.telling('a', look('2'))
  looks.renew()
  await looks.kept()
  expect(await kept()).toBeUndefined()
  delivered()
  await looks.kept()
  expect(await kept()).toEqual({ a: '2' })
})

it('does not keep a look that one more change might have, too', async () => {
  const looks = await keep({ a: look('1', { isSure: false }), b: look('1') })
  looks.telling('b', look('2', { isSure: false }))()
  await looks.kept()
  expect(await kept()).toEqual({ b: '1' })
})

describe('what cannot be relied on is no use', () => {
  it.each<[string, () => Partial<LooksOptions>]>([
    ['of another folder', () => ({ watched: { ...watched, path: '/other' } })],
    ['of other globs', () => ({ watched: { ...watched, ignore: [] } })],
    ['of another log', () => ({ position: () => ({ generation: 'h', n: 9 }) })],
    ['of a log that has lost its end', () => ({ position: () => ({ generation: 'g', n: 4 }) })],
  ])('%s', async (_, options) => {
    await keep({ a: look('1') })
    expect(await kept()).toEqual({ a: '1' })
    expect(await kept(options())).toBeUndefined()
  })

  it.each<[string, (text: string) => string]>([
    ['that is gone', () => ''],
    ['whose beginning is damaged', (text) => `x${text}`],
  ])('%s', async (_, harm) => {
    await keep({ a: look('1') })
    writeFileSync(file(), harm(readFileSync(file(), 'utf8')))
    expect(await kept()).toBeUndefined()
  })

  it('an end that is torn, damaged or of another version of the rows counts as not written', async () => {
    const looks = await keep({ a: look('1') })
    looks.telling('a', look('2'))()
    await looks.kept()
    const whole = readFileSync(file(), 'utf8')
    writeFileSync(file(), whole.slice(0, -3))
    expect(await kept()).toEqual({ a: '1' })
    writeFileSync(file(), whole.replace('"2"', '"3"'))
    expect(await kept()).toEqual({ a: '1' })
    appendFileSync(file(), whole)
    expect(await kept()).toEqual({ a: '1' })
  })
})

it('writes the file anew when much was added', async () => {
  const looks = await keep({ a: look('0') })
  for (let n = 1; n <= 10_001; n++) looks.telling('a', look(String(n)))()
  entries = new Map([['a', look('10001')]])
  await looks.kept()
  looks.telling('b', null)()
  await looks.kept()
  await looks.kept()
  expect(await kept()).toEqual({ a: '10001' })
  expect(readFileSync(file(), 'utf8').length).toBeLessThan(1000)
})

it('goes on without what cannot be written, and says so', async () => {
  const looks = looksOf({ folder: join(process.execPath, 'nowhere') })
  looks.renew()
  await looks.kept()
  looks.telling('a', look('2'))()
  await looks.kept()
  expect(logged).toEqual(['cannot keep how a folder looks; after a restart all of it counts as changed'])
})

it('tells what happened between two looks', () => {
  const before = new Map([
    ['same', '1'],
    ['changed', '1'],
    ['gone', '1'],
    ['folder', '/'],
    ['gone folder', '/'],
    ['was a file', '1'],
  ])
  const now = new Map([
    ['same', look('1')],
    ['changed', look('2')],
    ['new', look('1')],
    ['folder', look('9', { isFolder: true })],
    ['was a file', look('', { isFolder: true })],
  ])
  const found = differences(before, now).map(({ kind, path, what }) => `${kind} ${what} ${path}`)
  expect(found).toEqual([
    'changed file changed',
    'created file new',
    'changed unknown was a file',
    'removed file gone',
    'removed folder gone folder',
  ])
})
