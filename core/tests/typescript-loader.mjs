/**
 * Lets a process that a test starts import TypeScript as it is, on every version of Node.
 */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 }

export async function load(url, context, next) {
  if (!url.endsWith('.ts')) return next(url, context)
  const source = ts.transpileModule(await readFile(fileURLToPath(url), 'utf8'), { compilerOptions: options })
  return { format: 'module', source: source.outputText, shortCircuit: true }
}
