/** The door of the daemon and its command line. */
import { run } from './cli/run.ts'

// Whoever read our output has seen enough, as in `staleproof tail | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

process.exitCode = await run(process.argv)
