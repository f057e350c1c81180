/** Runs the daemon in the foreground. */
import { constants } from 'node:os'
import type { Command } from 'commander'
import { loadConfig } from '../config/load.ts'
import { openLog } from '../config/log.ts'
import { configOption, givenBy, settingOptions } from './config-options.ts'
import type { Service } from '../service.ts'
import { exitCodes } from './failure.ts'
import { plural } from './layout.ts'
import type { Terminal } from './terminal.ts'

export function addServe(program: Command, terminal: Terminal): void {
  const serve = program
    .command('serve')
    .summary('run the daemon')
    .description('Runs the daemon in the foreground until SIGTERM or SIGINT; a second one ends it at once.')
    .addOption(configOption())
    .addHelpText('after', '\nExample:\n  staleproof serve --config staleproof.yaml --watch ~/Photos')
    .action(async (options: Record<string, unknown>) => {
      const loaded = loadConfig(givenBy(options))
      const log = openLog(loaded.config.log)
      for (const warning of loaded.warnings) log.warn(warning)
      // Loaded here: no other command needs what a daemon is made of, and each would start later for it.
      const { startService } = await import('../service.ts')
      const told = firstSignal()
      const service = await startService(loaded, log)
      terminal.print(greeting(service, terminal))
      await service.stop(await told)
      // What did not end in time must not keep us.
      process.exit(exitCodes.done)
    })
  for (const option of settingOptions()) serve.addOption(option)
}

function greeting(service: Service, { colors }: Terminal): string {
  const { url, version, isFenced } = service
  const watched = service.sources().length
  const watching = watched === 0 ? '' : `, watching ${plural(watched, 'folder')}`
  const state = isFenced ? 'is up' : 'is ready'
  const fence = isFenced ? ', fenced until Redis answers' : ''
  return `staleproof ${version} ${state} at ${colors.cyan(url)}${watching}${fence}`
}

/** One signal may come several times: to the whole group, and passed on by npm and by who started us. */
const sameMs = 500

/** Heard from now on, also while we start. A second signal ends the process at once. */
function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let firstAt: number | undefined
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        firstAt ??= performance.now()
        if (performance.now() - firstAt > sameMs) process.exit(128 + constants.signals[signal])
        resolve(signal)
      })
    }
  })
}
