/**
 * Builds the library, and the programs that prove it, so that what is proved is what its sources say now. Nothing is done if nothing changed.
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('../..', import.meta.url))
const compiler = fileURLToPath(new URL('../../node_modules/@typescript/native/bin/tsc', import.meta.url))

export async function buildLibrary(): Promise<void> {
  try {
    await promisify(execFile)(process.execPath, [compiler, '-b', 'proof'], { cwd: root })
  } catch (cause) {
    throw new Error(`the library or its proof could not be built:\n${(cause as { stdout: string }).stdout}`, {
      cause,
    })
  }
}
