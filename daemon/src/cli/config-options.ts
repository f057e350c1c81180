/**
 * The flags that configure the daemon, for the commands that read its configuration.
 */
import { Option } from 'commander'
import { inputs } from '../config/inputs.ts'
import type { Given } from '../config/load.ts'
import { pathText } from '../config/problem.ts'

export function configOption(): Option {
  return new Option('--config <file>', 'configuration file (YAML) [STALEPROOF_CONFIG]')
}

/** One per setting; every one may be repeated, and what that means is decided where they are read. */
export function settingOptions(): Option[] {
  return inputs.flatMap(({ flag, env, help, off }) => {
    const isSwitch = !flag.includes('<')
    const option = new Option(flag, `${help} [${env}]`)
    const options = [isSwitch ? option : option.argParser(append)]
    return off === undefined ? options : [...options, new Option(off.flag, off.help)]
  })
}

/** What was given before is a list, or false after a flag that takes it back. */
function append(value: string, before: string[] | false | undefined): string[] {
  return [...(before || []), value]
}

/** What was given to a command with these options; of a switch, that it was, or that it was taken back. */
export function givenBy(options: Readonly<Record<string, unknown>>): Given {
  const flags = inputs.flatMap(({ path, flag }) => {
    const value = options[new Option(flag).attributeName()]
    if (value === undefined) return []
    return [[pathText(path), Array.isArray(value) ? value : [value === true ? 'true' : 'false']]]
  })
  const file = options.config as string | undefined
  return { file, flags: Object.fromEntries(flags), env: process.env, folder: process.cwd() }
}
