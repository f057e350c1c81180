/**
 * Running other programs, in the foreground with our terminal or in the background with their output kept.
 *
 * Usage: import { capture, fail, root, run, seconds } from './programs.mjs'
 */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']

/** Runs a program in the foreground: it has our terminal, gets our signals, and gives its exit code. */
export function run(program, args) {
  const child = spawn(program, args, { cwd: root, stdio: 'inherit' })
  const forward = (signal) => {
    // A terminal sends Ctrl-C to every program in the foreground; passing it on would deliver it twice.
    if (signal === 'SIGINT' && process.stdin.isTTY) return
    child.kill(signal)
  }
  for (const signal of signals) process.on(signal, forward)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      for (const name of signals) process.off(name, forward)
      resolve(code ?? 128 + constants.signals[signal])
    })
  })
}

/** Runs a program in the background; `output` is what it printed on both streams, `stdout` on the first. */
export function capture(program, args, { input = '', ...options } = {}) {
  const child = spawn(program, args, { cwd: root, stdio: 'pipe', ...options })
  // A program may end without having read what it is given.
  child.stdin.on('error', () => undefined).end(input)
  let output = ''
  let stdout = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    output += text
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code: code ?? 1, output, stdout }))
  })
}

/** Runs npm with the same npm that runs us, if one does. */
export function npm(args) {
  const cli = process.env.npm_execpath
  if (cli?.endsWith('.js')) return capture(process.execPath, [cli, ...args])
  return capture('npm', args, { shell: process.platform === 'win32' })
}

const tools = {
  attw: '@arethetypeswrong/cli/dist/index.js',
  biome: '@biomejs/biome/bin/biome',
  knip: 'knip/bin/knip.js',
  oxlint: 'oxlint/bin/oxlint',
  publint: 'publint/src/cli.js',
  vitest: 'vitest/vitest.mjs',
}

/** Runs an installed tool in the background, by its name or by `{ name, input }`. */
export function tool(which, ...args) {
  const { name, input } = typeof which === 'string' ? { name: which } : which
  const env = { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined }
  return capture(process.execPath, [join(root, 'node_modules', tools[name]), ...args], { input, env })
}

export function seconds(began) {
  return `${((Date.now() - began) / 1000).toFixed(1)} s`
}

export function fail(message) {
  console.error(message)
  process.exit(1)
}
