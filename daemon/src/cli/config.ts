/** Looks at a configuration without running a daemon. */
import type { Command } from 'commander'
import { loadConfig } from '../config/load.ts'
import { checkConfig } from '../config/open.ts'
import { settingsOf, type Setting } from '../config/settings.ts'
import { configOption, givenBy, settingOptions } from './config-options.ts'
import { safe, table } from './layout.ts'
import type { Colors, Terminal } from './terminal.ts'

export function addConfig(program: Command, terminal: Terminal): void {
  const config = program
    .command('config')
    .summary('look at a configuration')
    .description('Looks at a configuration without running a daemon.')
  addCheck(config, terminal)
  addShow(config, terminal)
}

function addCheck(config: Command, terminal: Terminal): void {
  config
    .command('check')
    .summary('check a file')
    .description('Names everything that is wrong in a file, with its line. Ends with 2 if something is.')
    .argument('<file>')
    .addHelpText('after', '\nExample:\n  staleproof config check staleproof.yaml')
    .action(async (file: string) => {
      const loaded = loadConfig({ file, env: {}, folder: process.cwd() })
      await checkConfig(loaded)
      const { links, rules, sources } = loaded.config
      const counts = { file, links: links.length, rules: rules.length, folders: sources.files.length }
      terminal.show(
        { value: counts, raw: { valid: true, ...counts } },
        (_, colors) => `${file} ${colors.green('is valid')}`,
      )
    })
}

function addShow(config: Command, terminal: Terminal): void {
  const show = config
    .command('show')
    .summary('show the effective configuration')
    .description('Shows every setting that "serve" would use, given the same flags, and where it came from.')
    .addOption(configOption())
    .addHelpText('after', '\nExample:\n  staleproof config show --config staleproof.yaml')
    .action(async (options: Record<string, unknown>) => {
      const loaded = loadConfig(givenBy(options))
      await checkConfig(loaded)
      for (const warning of loaded.warnings) terminal.note(`warning: ${warning}`)
      const settings = settingsOf(loaded)
      terminal.show({ value: settings, raw: settings }, settingsText)
    })
  for (const option of settingOptions()) show.addOption(option)
}

function settingsText(settings: readonly Setting[], colors: Colors): string {
  const rows = settings.map(({ path, value, origin }) => [
    path,
    safe(JSON.stringify(value)),
    colors.dim(origin),
  ])
  return table(rows)
}
