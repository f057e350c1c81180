/**
 * Whole: files that are there with all that is written to them, or not at all, for whoever looks.
 */
import { renameSync, writeFileSync } from 'node:fs'

interface How {
  /** Written first, where nobody looks. */
  readonly beside?: string
  /** Whether it is on the medium when this returns. */
  readonly flush?: boolean
}

export function writeWhole(file: string, text: string, { beside = `${file}.new`, flush = false }: How): void {
  writeFileSync(beside, text, { flush })
  renameSync(beside, file)
}
