/**
 * One run of the command line, from its arguments to its exit code.
 *
 * Invariants: every error ends here, told in one place; what a user can mend comes without a stack, what only we
 * can mend comes with it.
 */
import { CommanderError } from 'commander'
import { StaleproofError } from 'staleproof'
import { exitCodes, Failure, type ExitCode } from './failure.ts'
import { createProgram } from './program.ts'

export async function run(argv: readonly string[]): Promise<ExitCode> {
  const program = createProgram()
  try {
    await program.parseAsync([...argv])
    return exitCodes.done
  } catch (error) {
    return tell(error, program.opts<{ json?: boolean }>().json === true)
  }
}

function tell(error: unknown, json: boolean): ExitCode {
  // Commander has told it already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage
  if (error instanceof Failure) {
    if (json && error.problem !== undefined) process.stderr.write(`${JSON.stringify(error.problem)}\n`)
    else print(error.message)
    return error.exitCode
  }
  const errors: unknown[] = error instanceof AggregateError ? error.errors : [error]
  for (const one of errors)
    print(one instanceof StaleproofError ? `${one.code}: ${one.message}` : stackOf(one))
  return errors.every((one) => one instanceof StaleproofError) ? exitCodes.usage : exitCodes.failed
}

function print(text: string): void {
  process.stderr.write(`staleproof: ${text}\n`)
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
