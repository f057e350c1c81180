/**
 * Check: whether LMDB can read all of data.mdb, and go on writing to it.
 *
 * LMDB trusts its pages: a page of garbage may end the process that comes upon it, or is skipped without a word. So each page
 * in use, and the lists of those that are free, are looked at first without LMDB (pages.ts): what it takes for free must not
 * be in use. Then another process reads all of it by LMDB, table by table: what was read is held against what each table says
 * that it has, keys have to be in order, and each has to be found when it is looked for.
 *
 *   it starts -> [opens] -> reads all of one moment -> [closes] -> ends     in brackets: nobody else opens, closes or writes
 *
 * Invariants: it opens, and closes if it comes so far, only when it is told to; what it reads is of one moment, so that
 * others may write meanwhile. Pages are looked at only while nobody writes: they move.
 */
import { spawn, spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { wrongPage } from './pages.ts'
import { alone } from './gate.ts'

const timeoutMs = 600_000

/** It never waits for its loop but for what it is told: so all is read in one transaction. */
const program = `
const { readSync, writeSync } = require('node:fs')
const { open } = require(process.argv[1])
const may = (what) => {
  writeSync(1, what + '\\n')
  readSync(0, Buffer.alloc(1))
}
const read = (root) => {
  const names = [...root.getKeys()]
  const tables = names.map((name) => [name, root.openDB(name, { encoding: 'binary', keyEncoding: 'binary' })])
  if (names.length !== root.getStats().entryCount) throw new Error('tables are missing')
  let sum = 0
  for (const [name, table] of tables) {
    let count = 0
    let last
    for (const { key, value } of table.getRange()) {
      if (last !== undefined && Buffer.compare(last, key) >= 0) throw new Error('keys of ' + name + ' are not in order')
      last = Buffer.from(key)
      count += 1
      if (value.length > 0) sum += value[0] + value[value.length - 1]
      if (!table.doesExist(last)) throw new Error('a key of ' + name + ' is not found')
    }
    const { entryCount } = table.getStats()
    if (count !== entryCount) throw new Error(name + ' has ' + entryCount + ' rows, of which ' + count + ' can be read')
  }
}
may('open')
let root
try {
  root = open({ path: process.argv[2], readOnly: true, encoding: 'binary', maxDbs: 64, noSubdir: false })
  writeSync(1, 'opened\\n')
  read(root)
} catch (error) {
  console.error(error)
  process.exitCode = 1
}
may('close')
Promise.resolve(root && root.close()).finally(() => writeSync(1, 'closed\\n'))
`

/** Nobody else has to do with the directory until this returns. @returns what is wrong; undefined if nothing is */
export function check(directory: string): string | undefined {
  const wrong = wrongPage(directory)
  if (wrong !== undefined) return unreadable(wrong)
  const { file, args } = reader(directory)
  return wrongIn(spawnSync(file, args, { timeout: timeoutMs, encoding: 'utf8', input: '\n\n' }))
}

/** The same while others go on; if some have it open (`isLive`), pages are read by LMDB only. */
export async function checkBeside(directory: string, isLive: boolean): Promise<string | undefined> {
  const wrong = isLive ? undefined : await alone(directory, () => wrongPage(directory))
  if (wrong !== undefined) return unreadable(wrong)
  const reading = new ReadingProcess(directory)
  await reading.said('open')
  await alone(directory, async () => {
    reading.go()
    await reading.said('opened')
  })
  await reading.said('close')
  await alone(directory, async () => {
    reading.go()
    await reading.said('closed')
  })
  return wrongIn(await reading.ended)
}

interface End {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stderr: string
}

class ReadingProcess {
  readonly ended: Promise<End>
  readonly #child: ReturnType<typeof spawn>
  #said = ''

  constructor(directory: string) {
    const { file, args } = reader(directory)
    const child = spawn(file, args, { timeout: timeoutMs })
    this.#child = child
    let stderr = ''
    child.stdout.on('data', (bytes: Buffer) => (this.#said += bytes.toString()))
    child.stderr.on('data', (bytes: Buffer) => (stderr += bytes.toString()))
    // It may have ended by then.
    child.stdin.on('error', () => undefined)
    this.ended = new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (status, signal) => resolve({ status, signal, stderr }))
    })
  }

  /** Resolves when it has said that, or has ended without. */
  async said(word: string): Promise<void> {
    while (!this.#said.includes(`${word}\n`)) {
      const more = new Promise<void>((resolve) => this.#child.stdout?.once('data', () => resolve()))
      if ((await Promise.race([more, this.ended])) !== undefined) return
    }
  }

  go(): void {
    this.#child.stdin?.write('\n')
  }
}

function reader(directory: string) {
  const lmdb = createRequire(import.meta.url).resolve('lmdb')
  return { file: process.execPath, args: ['-e', program, lmdb, directory] }
}

function wrongIn({ status, signal, stderr }: End): string | undefined {
  const told = stderr.split('\n').find((line) => /Error|MDB_|not found|corrupt|malloc|free\(\)/i.test(line))
  if (signal !== null) return `a process that read data.mdb was ended by ${signal}`
  if (status === 0 && told === undefined) return undefined
  return unreadable(told?.trim() ?? `exit ${status}`)
}

function unreadable(why: string): string {
  return `data.mdb cannot be read: ${why}`
}
