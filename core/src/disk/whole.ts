/**
 * Whole: files that are there with all that is written to them, or not at all, for whoever looks.
 */
import { renameSync, writeFileSync } from 'node:fs'

/** @param beside written first, where nobody looks */
export function writeWhole(file: string, text: string, beside = `${file}.new`): void {
  writeFileSync(beside, text)
  renameSync(beside, file)
}
