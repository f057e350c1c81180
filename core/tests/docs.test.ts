/**
 * What the documents show is what the built library does.
 *
 * In README.md and docs/*.md a block of `ts` that imports 'staleproof' begins a program, and each block after it that
 * is marked `ts continued` goes on with it. A program is type-checked and run, in a folder of its own. Behind a call
 * of console.log, `// => text` is what it prints.
 *
 * Invariant: a program has the lines of its document, so that whatever is wrong is told with the document's lines.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

interface Program {
  readonly name: string
  readonly text: string
}

interface Outcome {
  readonly code: number | null
  /** `line N: text` of each call that says what it prints. */
  readonly printed: readonly string[]
  readonly stderr: string
}

/** Programs of a document, each with its text at the lines where it stands. */
function programsOf(document: string, markdown: string): Program[] {
  const programs: { first: number; lines: string[] }[] = []
  const lines = markdown.split('\n')
  for (const { info, first, end } of blocksOf(lines)) {
    const block = lines.slice(first, end)
    const isContinued = info === 'ts continued'
    if (!isContinued && !block.some((line) => /^import .* from 'staleproof'/.test(line))) continue
    if (!isContinued) programs.push({ first: first + 1, lines: [] })
    const program = programs.at(-1)
    if (program === undefined)
      throw new Error(`${document}:${first} continues a program that was never begun`)
    while (program.lines.length < first) program.lines.push('')
    program.lines.push(...block)
  }
  return programs.map(({ first, lines }) => ({ name: `${document}:${first}`, text: lines.join('\n') }))
}

interface Block {
  readonly info: string
  /** Index of its first line, and of the fence that ends it. */
  readonly first: number
  readonly end: number
}

/** The fenced blocks of TypeScript. */
function blocksOf(lines: readonly string[]): Block[] {
  const blocks: Block[] = []
  for (let i = 0; i < lines.length; i++) {
    const info = /^```(.+)$/.exec(lines[i] as string)?.[1]
    if (info === undefined) continue
    const first = i + 1
    i = lines.indexOf('```', first)
    if (i < 0) throw new Error(`the block at line ${first} is never closed`)
    if (info.startsWith('ts')) blocks.push({ info, first, end: i })
  }
  return blocks
}

const saying = /console\.log\((.*)\)\s+\/\/ => (.*)$/

/** What a program says that it prints: `line N: text`. */
function promised({ text }: Program): string[] {
  return text.split('\n').flatMap((line, i) => {
    const said = saying.exec(line)?.[2]
    return said === undefined ? [] : [`line ${i + 1}: ${said.trim()}`]
  })
}

/** As JavaScript that prints, for each call that says what it prints, its line besides. */
function runnable({ text }: Program): string {
  const marked = text
    .split('\n')
    .map((line, i) => (saying.test(line) ? line.replace('console.log(', `say(${i + 1}, `) : line))
  const say = `import { inspect } from 'node:util'
const show = (value) => typeof value === 'string' ? value : inspect(value, { breakLength: Infinity })
const say = (line, ...values) => process.stdout.write(\`line \${line}: \${values.map(show).join(' ')}\\n\`)\n`
  const { outputText } = ts.transpileModule(marked.join('\n'), {
    compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext },
  })
  return say + outputText
}

/** Runs in an empty folder; the program itself stands where it finds the packages. */
async function run(program: Program, file: string): Promise<Outcome> {
  writeFileSync(file, runnable(program))
  const cwd = mkdtempSync(join(tmpdir(), 'staleproof-docs-'))
  const child = spawn(process.execPath, [file], { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => (output[name] += text))
  }
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  rmSync(cwd, { recursive: true })
  // What a loop prints again is one line, as long as it is the same.
  const printed = [...new Set(output.stdout.split('\n').filter((line) => /^line \d+: /.test(line)))]
  return { code, printed, stderr: output.stderr }
}

/** Problems of types, `document:program line: message`. */
function problemsOf(files: readonly string[]): string[] {
  const program = ts.createProgram(files, {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    types: ['node'],
    typeRoots: [join(root, 'node_modules/@types')],
  })
  return ts.getPreEmitDiagnostics(program).map(({ file, start = 0, messageText }) => {
    const line = file === undefined ? 0 : file.getLineAndCharacterOfPosition(start).line + 1
    return `${basename(file?.fileName ?? '')} line ${line}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`
  })
}

const documents = ['README.md', ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`)]
const programs = documents
  .filter((path) => path.endsWith('.md') && existsSync(join(root, path)))
  .flatMap((path) => programsOf(path, readFileSync(join(root, path), 'utf8')))

let folder: string
const fileOf = ({ name }: Program) => join(folder, name.replaceAll(/[/:]/g, '-'))

beforeAll(() => {
  const cache = join(root, 'node_modules/.cache/staleproof')
  mkdirSync(cache, { recursive: true })
  folder = mkdtempSync(join(cache, 'docs-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

describe('the programs in the documents', () => {
  it('fit the types of the library', () => {
    for (const program of programs) writeFileSync(`${fileOf(program)}.mts`, program.text)
    expect(problemsOf(programs.map((program) => `${fileOf(program)}.mts`))).toEqual([])
  })

  it.each(programs)('$name does what it says', async (program) => {
    const { code, printed, stderr } = await run(program, `${fileOf(program)}.mjs`)
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(printed).toEqual(promised(program))
  })
})

describe('an example that is wrong', () => {
  const opening = "```ts\nimport { createCache } from 'staleproof'\n"
  const planted = (body: string) => programsOf('planted', `${opening}${body}\n\`\`\`\n`)[0] as Program

  it('in its types is found, at its line', () => {
    const program = planted("createCache({ policies: { page: { tll: '2h' } } })")
    writeFileSync(`${fileOf(program)}.mts`, program.text)
    expect(problemsOf([`${fileOf(program)}.mts`])).toEqual([expect.stringMatching(/line 3: .*'tll'/)])
  })

  it('in what it prints is found, and so is one that fails or never gets there', async () => {
    const wrong = planted('console.log(1 + 1) // => 3')
    expect((await run(wrong, `${fileOf(wrong)}.mjs`)).printed).toEqual(['line 3: 2'])
    expect(promised(wrong)).toEqual(['line 3: 3'])
    const failing = planted('await createCache().getOrSet("a", () => Promise.reject(new Error("down")))')
    expect(await run(failing, `${fileOf(failing)}.mjs`)).toMatchObject({ code: 1 })
    const silent = planted('if (Date.now() < 0) console.log(1) // => 1')
    expect((await run(silent, `${fileOf(silent)}.mjs`)).printed).toEqual([])
    expect(promised(silent)).toHaveLength(1)
  })
})
