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
  return inputs.map(({ flag, env, help }) => {
    const isSwitch = !flag.includes('<')
    const option = new Option(flag, `${help} [${env}]`)
    return isSwitch ? option : option.argParser(append)
  })
}

function append(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value]
}

/** What was given to a command with these options. */
export function givenBy(options: Readonly<Record<string, unknown>>): Given {
  const flags = settingOptions().flatMap((option, index) => {
    const value = options[option.attributeName()]
    const path = pathText(inputs[index]?.path ?? [])
    if (value === undefined) return []
    return [[path, Array.isArray(value) ? value : [value === true ? 'true' : value]]]
  })
  const file = options.config as string | undefined
  return { file, flags: Object.fromEntries(flags), env: process.env, folder: process.cwd() }
}
