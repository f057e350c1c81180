/**
 * Case: one promise of a contract, to be run in whatever test runner there is.
 *
 * Invariants: a case opens what it is about and closes it again, whatever comes out; its error says who should have
 * done what, and what came instead.
 */
import { AssertionError } from 'node:assert'
import { inspect, isDeepStrictEqual } from 'node:util'

export interface Case {
  /** What is promised: 'gives back what was put, until it is deleted'. */
  readonly name: string
  /** Rejects if that is not so. */
  readonly run: () => Promise<void>
}

/** What a case is about. */
export interface Subject {
  /** "the tier 'redis'" */
  readonly who: string
  /** May be called again. */
  close(): Promise<void>
}

/** name of a case -> what it does */
export type Plays<S extends Subject> = Readonly<Record<string, (subject: S) => Promise<void>>>

export function casesOf<S extends Subject>(open: () => Promise<S>, plays: Plays<S>): Case[] {
  return Object.entries(plays).map(([name, play]) => ({ name, run: () => run(name, open, play) }))
}

async function run<S extends Subject>(
  name: string,
  open: () => Promise<S>,
  play: (subject: S) => Promise<void>,
): Promise<void> {
  const subject = await open()
  try {
    await play(subject)
    await subject.close()
  } catch (error) {
    await subject.close().catch(() => undefined)
    throw broken(`${subject.who} ${name}`, error)
  }
}

function broken(promise: string, cause: unknown): Error {
  const message = `expected that ${promise}\n${cause instanceof Error ? cause.message : show(cause)}`
  if (!(cause instanceof AssertionError)) return new Error(message, { cause })
  const { actual, expected, operator } = cause
  return Object.assign(new AssertionError({ message, actual, expected, operator }), { cause })
}

/** @param what that was asked: "get('a') after it was deleted" */
export function equal(what: string, actual: unknown, wanted: unknown): void {
  if (isDeepStrictEqual(actual, wanted)) return
  const message = `${what}: expected ${show(wanted)}, got ${show(actual)}`
  throw new AssertionError({ message, actual, expected: wanted, operator: 'is' })
}

export function isTrue(what: string, actual: boolean): void {
  equal(what, actual, true)
}

export type Outcome<T> = { readonly answer: T } | { readonly error: unknown }

export async function outcomeOf<T>(ask: () => T | Promise<T>): Promise<Outcome<T>> {
  try {
    return { answer: await ask() }
  } catch (error) {
    return { error }
  }
}

/** Who cannot do what is asked rejects, and otherwise answers what is true. */
export async function equalOrFails(what: string, ask: () => unknown, wanted: unknown): Promise<void> {
  const outcome = await outcomeOf(ask)
  if ('answer' in outcome) equal(`${what}, if it does not fail`, outcome.answer, wanted)
}

function show(value: unknown): string {
  return inspect(value, { depth: 4, breakLength: Infinity, maxArrayLength: 20, maxStringLength: 80 })
}
