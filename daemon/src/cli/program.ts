/**
 * The command line as a whole.
 */
import { Command } from 'commander'
import { version } from '../config/version.ts'
import { addCancel } from './cancel.ts'
import { addConfig } from './config.ts'
import { addDelete } from './delete.ts'
import { addDoctor } from './doctor.ts'
import { addExplain } from './explain.ts'
import { addGet } from './get.ts'
import { addGraph } from './graph.ts'
import { addHistory } from './history.ts'
import { addInvalidate } from './invalidate.ts'
import { addLink } from './link.ts'
import { addPut } from './put.ts'
import { addRetry } from './retry.ts'
import { addRule } from './rule.ts'
import { addRunNow } from './run-now.ts'
import { addServe } from './serve.ts'
import { addStats } from './stats.ts'
import { addTail } from './tail.ts'
import { Terminal } from './terminal.ts'
import { addUnlink } from './unlink.ts'
import { addUnrule } from './unrule.ts'

const commands = [
  addServe,
  addConfig,
  addGet,
  addPut,
  addDelete,
  addInvalidate,
  addExplain,
  addGraph,
  addLink,
  addUnlink,
  addRule,
  addUnrule,
  addTail,
  addHistory,
  addCancel,
  addRunNow,
  addRetry,
  addStats,
  addDoctor,
]

const exitCodesHelp = `
Exit codes:
  0 done   1 failed or incomplete   2 usage or configuration   3 not found
  4 daemon unreachable   5 refused in the present state

Example:
  staleproof serve --watch ~/Photos`

export function createProgram(): Command {
  const program = new Command('staleproof')
    .description('A cache that cannot serve what you invalidated.')
    .version(version)
    .option('--url <url>', 'where the daemon is [STALEPROOF_URL] (default: http://127.0.0.1:4747)')
    .option('--json', 'print what the API answered')
    .addHelpText('after', exitCodesHelp)
    .showHelpAfterError('(--help shows what there is)')
    .exitOverride()
  const terminal = new Terminal(program)
  for (const add of commands) add(program, terminal)
  return program
}
