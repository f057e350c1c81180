/**
 * The door to `node:fs` of a library under proof: whatever changes a file has its boundaries.
 */
import * as fs from 'node:fs'
import { told } from './boundaries.ts'

export * from 'node:fs'

export const writeFileSync: typeof fs.writeFileSync = (...write) =>
  told('writing a file', () => fs.writeFileSync(...write))
export const renameSync: typeof fs.renameSync = (...rename) =>
  told('renaming a file', () => fs.renameSync(...rename))
export const rmSync: typeof fs.rmSync = (...remove) => told('removing a file', () => fs.rmSync(...remove))
