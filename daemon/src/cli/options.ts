/** Options that several commands have. */
import { InvalidArgumentError, Option } from 'commander'

/** An option that may be repeated. */
export function listOption(flags: string, description: string): Option {
  return new Option(flags, `${description}; repeatable`)
    .default([], 'none')
    .argParser((value: string, before: string[]) => [...before, value])
}

/** A whole number from `least` on. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= least) return value
    throw new InvalidArgumentError(`Give a whole number of at least ${least}.`)
  }
}
