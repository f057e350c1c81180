/**
 * The log: JSON lines for programs, readable lines on a terminal.
 *
 * Invariant: what is logged before the process ends is written; writing is synchronous, and there is little of it.
 */
import { pino, type DestinationStream, type Logger } from 'pino'
import pc from 'picocolors'
import { StaleproofError } from 'staleproof'
import type { Config } from './schema.ts'

export type Log = Logger

/** @throws E_CONFIG_LOG_UNWRITABLE */
export function openLog({ level, file }: Config['log']): Log {
  const base = { pid: process.pid }
  return pino({ level, base, timestamp: pino.stdTimeFunctions.isoTime }, destination(file))
}

function destination(file: string | null): DestinationStream {
  if (file === null && process.stderr.isTTY) return { write: (line) => process.stderr.write(readable(line)) }
  try {
    return pino.destination({ dest: file ?? 2, mkdir: true, sync: true })
  } catch (cause) {
    const message = `cannot write the log to ${file}: ${(cause as Error).message}; choose another log.file`
    throw new StaleproofError('E_CONFIG_LOG_UNWRITABLE', message, { cause, details: { file } })
  }
}

/** `12:30:05 warn  the message  key=value`, from a line of JSON. */
export function readable(line: string): string {
  const { level, time, msg, pid: _pid, err, ...rest } = JSON.parse(line)
  const details = Object.entries(rest).map(([key, value]) => `${key}=${plain(value)}`)
  const told = details.length === 0 ? '' : pc.dim(details.join(' '))
  const parts = [pc.dim(String(time).slice(11, 19)), named(level), msg, told]
  const stack = err?.stack === undefined ? '' : `\n${err.stack}`
  return `${parts.filter(Boolean).join(' ')}${stack}\n`
}

function named(level: number): string {
  const name = (pino.levels.labels[level] ?? String(level)).padEnd(5)
  if (level >= 50) return pc.red(name)
  return level >= 40 ? pc.yellow(name) : pc.green(name)
}

function plain(value: unknown): string {
  return typeof value === 'string' && !value.includes(' ') ? value : JSON.stringify(value)
}
