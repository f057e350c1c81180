/**
 * Tidy: reads the shape of the house (who imports whom, how long things are) and says what breaks its rules.
 *
 * Usage: npx vitest run scripts/tidy.test.ts   (the tables of rooms and canaries are there)
 *
 * A rule sees all sources and gives violations; it never opens a file, so a canary is a text in a table.
 * Paths are relative to the root of the repository, with `/` everywhere.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join, posix, sep } from 'node:path'
import ts from 'typescript'

export interface Violation {
  path: string
  line: number
  rule: string
  text: string
}

export interface Source {
  path: string
  tree: ts.SourceFile
  lines: number
  imports: Import[]
}

interface Import {
  line: number
  specifier: string
  /** The file it means, for a relative import. */
  target: string | undefined
}

/** room -> what its files may import besides their own room. A path ending in `/` means all that is below it. */
export type Rooms = Record<string, string[]>

type Rule = (sources: Source[], rooms: Rooms) => Violation[]

const folders = ['core', 'daemon', 'proof', 'bench', 'testbed', 'examples', 'scripts']
const skipped = new Set(['node_modules', 'dist', 'canaries', 'coverage'])
const timers = new Set(['setTimeout', 'setInterval', 'setImmediate'])
const times = new Set(['Date.now', 'performance.now', 'process.hrtime', 'Math.random', 'crypto.randomUUID'])
const clocks = new Set(['core/src/model/clock.ts', 'core/src/model/random.ts'])
const kebab = /^[a-z0-9]+(-[a-z0-9]+)*(\.(test|bench|config|d))?\.(ts|mjs)$/

export const rules: Record<string, Rule> = {
  rooms: (sources, rooms) => [
    ...eachFile(sources, (source) => homeless(source, rooms)),
    ...eachImport(sources, (source, to) => stranger(source, to, rooms)),
  ],
  borders: (sources) => eachImport(sources, border),
  cycle: cycles,
  door: (sources) => eachNode(sources, door),
  function: (sources) => eachNode(sources, longFunction),
  parameters: (sources) => eachNode(sources, manyParameters),
  'default-export': (sources) => eachNode(sources, defaultExport),
  enum: (sources) => eachNode(sources, (_, node) => (ts.isEnumDeclaration(node) ? 'use a union' : undefined)),
  time: (sources) => eachNode(sources, time),
  file: (sources) =>
    eachFile(sources, ({ lines }) => (lines > 500 ? `${lines} lines, at most 500` : undefined)),
  name: (sources) =>
    eachFile(sources, ({ path }) => (kebab.test(posix.basename(path)) ? undefined : 'not kebab-case')),
  opening: (sources) => eachFile(sources, opening),
}

export function tidy(sources: Source[], rooms: Rooms): Violation[] {
  return Object.entries(rules).flatMap(([rule, find]) =>
    find(sources, rooms).map((found) => ({ ...found, rule })),
  )
}

export function readHouse(root: string): Source[] {
  const paths = folders.flatMap((folder) => walk(root, folder))
  return paths.map((path) => parse(path, readFileSync(join(root, path), 'utf8')))
}

function walk(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((item) => {
    const path = posix.join(folder.split(sep).join('/'), item.name)
    if (item.isDirectory()) return skipped.has(item.name) ? [] : walk(root, path)
    return /\.(ts|mjs)$/.test(item.name) ? [path] : []
  })
}

export function parse(path: string, text: string): Source {
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true)
  const imports = nodes(tree).flatMap((node) => {
    const specifier = specifierOf(node)
    if (specifier === undefined) return []
    const target = specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : undefined
    return [{ line: lineOf(tree, node), specifier, target }]
  })
  return { path, tree, imports, lines: text.trimEnd().split('\n').length }
}

/** Lengths of the functions that have a body of statements, in lines, shortest first. */
export function functionLengths(sources: Source[]): number[] {
  const bodies = sources.filter(isShipped).flatMap(({ tree }) => nodes(tree).filter(hasStatements))
  return bodies.map(lengthOf).sort((a, b) => a - b)
}

function homeless({ path }: Source, rooms: Rooms): string | undefined {
  return isInRooms(path) && roomOf(path, rooms) === undefined
    ? 'no room of the house has this file'
    : undefined
}

function stranger({ path }: Source, { target, specifier }: Import, rooms: Rooms): string | undefined {
  const own = roomOf(path, rooms)
  if (own === undefined) return undefined
  if (target === undefined) {
    return own === 'core/src/model/' && !isTest(path) ? `${own} imports nothing, but ${specifier}` : undefined
  }
  if (isTest(path) && target.includes('/tests/')) return undefined
  const contracts = [own, ...(rooms[own] ?? [])]
  const open = isTest(path) ? contracts.map((to) => to.replace(/contract\.ts$/, '')) : contracts
  const isOpen = open.some((to) => (to.endsWith('/') ? target.startsWith(to) : target === to))
  return isOpen ? undefined : `${own} may not import ${target}`
}

/** What stands in no folder of `src` is a room by itself; the tests there are one room. */
function roomOf(path: string, rooms: Rooms): string | undefined {
  if (!isInRooms(path)) return undefined
  const [, src, folder] = /^(\w+\/src\/)([^/]+\/)?/.exec(path) ?? []
  const room = folder !== undefined ? `${src}${folder}` : isTest(path) ? `${src}*.test.ts` : path
  return room in rooms ? room : undefined
}

function isInRooms(path: string): boolean {
  return /^(core|daemon)\/src\//.test(path)
}

function border({ path }: Source, { target, specifier }: Import): string | undefined {
  const home = packageOf(path)
  if (target !== undefined && packageOf(target) !== home)
    return `${specifier} leaves ${home}; import the package`
  return undefined
}

function packageOf(path: string): string {
  return /^(examples\/)?[^/]+/.exec(path)?.[0] ?? path
}

/** Each cycle once, at the import that closes it. */
function cycles(sources: Source[]): Violation[] {
  const byPath = new Map(sources.map((source) => [source.path, source]))
  const done = new Set<string>()
  const found: Violation[] = []
  const visit = (source: Source, trail: string[]) => {
    for (const { target = '', line } of source.imports) {
      const start = trail.indexOf(target)
      const next = byPath.get(target)
      if (start >= 0) found.push(violation(source.path, line, [...trail.slice(start), target].join(' -> ')))
      else if (next !== undefined && !done.has(target)) visit(next, [...trail, target])
    }
    done.add(source.path)
  }
  for (const source of sources) if (!done.has(source.path)) visit(source, [source.path])
  return found
}

function door({ path }: Source, node: ts.Node): string | undefined {
  if (path !== 'core/src/index.ts' || node.parent?.kind !== ts.SyntaxKind.SourceFile) return undefined
  if (node.kind === ts.SyntaxKind.EndOfFileToken) return undefined
  const named = ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined
  if (named && node.exportClause !== undefined && ts.isNamedExports(node.exportClause)) return undefined
  return 'the public API is named re-exports only'
}

function longFunction({ path }: Source, node: ts.Node): string | undefined {
  if (!ts.isFunctionLike(node) || (isTest(path) && isGroupOfTests(node))) return undefined
  const length = lengthOf(node)
  return length > 70 ? `${nameOf(node)} has ${length} lines, at most 70` : undefined
}

function isGroupOfTests({ parent }: ts.Node): boolean {
  return ts.isCallExpression(parent) && /^(describe|suite)\b/.test(parent.expression.getText())
}

function manyParameters({ path }: Source, node: ts.Node): string | undefined {
  if (!ts.isFunctionLike(node) || ts.isFunctionTypeNode(node) || isTest(path)) return undefined
  const count = node.parameters.filter(({ name }) => name.getText() !== 'this').length
  return count > 3 ? `${nameOf(node)} takes ${count}, at most 3: use an options object` : undefined
}

function defaultExport({ path }: Source, node: ts.Node): string | undefined {
  if (path.endsWith('.config.ts')) return undefined
  const isDefault =
    ts.isExportAssignment(node) ||
    node.kind === ts.SyntaxKind.DefaultKeyword ||
    (ts.isExportSpecifier(node) && node.name.text === 'default')
  return isDefault && !ts.isDefaultClause(node) ? 'export it by name' : undefined
}

/** Time and chance come in through the constructor, or the simulator could not decide them. */
function time({ path }: Source, node: ts.Node): string | undefined {
  if (!path.startsWith('core/src/') || isTest(path) || clocks.has(path)) return undefined
  const text = ts.isPropertyAccessExpression(node) ? node.getText().replace(/^globalThis\./, '') : ''
  if (times.has(text) || timers.has(text)) return `${text} belongs to the clock`
  if (ts.isIdentifier(node) && timers.has(node.text) && isFree(node))
    return `${node.text} belongs to the clock`
  const isDate = ts.isNewExpression(node) && node.expression.getText() === 'Date' && !node.arguments?.length
  return isDate ? 'new Date() belongs to the clock' : undefined
}

/** A name that stands for itself: not `clock.setTimeout`, not a member that is called so. */
function isFree({ parent }: ts.Identifier): boolean {
  return !ts.isPropertyAccessExpression(parent) && !ts.isClassElement(parent) && !ts.isTypeElement(parent)
}

function opening(source: Source): string | undefined {
  if (!isShipped(source) || source.lines < 40) return undefined
  const text = source.tree.text.replace(/^#!.*\n/, '').trimStart()
  return text.startsWith('/*') ? undefined : 'open with what it is and its invariants, in a block comment'
}

function isTest(path: string): boolean {
  return path.endsWith('.test.ts') || path.includes('/tests/')
}

function isShipped({ path }: Source): boolean {
  return isInRooms(path) && !isTest(path)
}

function eachFile(sources: Source[], find: (source: Source) => string | undefined): Violation[] {
  return sources.flatMap((source) => {
    const text = find(source)
    return text === undefined ? [] : [violation(source.path, 1, text)]
  })
}

function eachImport(
  sources: Source[],
  find: (source: Source, to: Import) => string | undefined,
): Violation[] {
  return sources.flatMap((source) =>
    source.imports.flatMap((to) => {
      const text = find(source, to)
      return text === undefined ? [] : [violation(source.path, to.line, text)]
    }),
  )
}

function eachNode(
  sources: Source[],
  find: (source: Source, node: ts.Node) => string | undefined,
): Violation[] {
  return sources.flatMap((source) =>
    nodes(source.tree).flatMap((node) => {
      const text = find(source, node)
      return text === undefined ? [] : [violation(source.path, lineOf(source.tree, node), text)]
    }),
  )
}

function violation(path: string, line: number, text: string): Violation {
  return { path, line, rule: '', text }
}

const walked = new WeakMap<ts.SourceFile, ts.Node[]>()

/** All nodes of a file in the order of its text, walked once. */
function nodes(tree: ts.SourceFile): ts.Node[] {
  const known = walked.get(tree)
  if (known !== undefined) return known
  const all: ts.Node[] = []
  const visit = (node: ts.Node) => {
    all.push(node)
    ts.forEachChild(node, visit)
  }
  ts.forEachChild(tree, visit)
  walked.set(tree, all)
  return all
}

function specifierOf(node: ts.Node): string | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return literal(node.moduleSpecifier)
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return literal(node.argument.literal)
  const isDynamic = ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword
  return isDynamic ? literal(node.arguments[0]) : undefined
}

function literal(node: ts.Node | undefined): string | undefined {
  return node !== undefined && ts.isStringLiteralLike(node) ? node.text : undefined
}

function hasStatements(node: ts.Node): boolean {
  const body = ts.isFunctionLike(node) && 'body' in node ? node.body : undefined
  return body !== undefined && ts.isBlock(body)
}

function lengthOf(node: ts.Node): number {
  const tree = node.getSourceFile()
  return tree.getLineAndCharacterOfPosition(node.end).line + 2 - lineOf(tree, node)
}

function lineOf(tree: ts.SourceFile, node: ts.Node): number {
  return tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1
}

function nameOf(node: ts.SignatureDeclaration): string {
  if (ts.isConstructorDeclaration(node)) return 'constructor'
  if (node.name !== undefined) return node.name.getText()
  return ts.isVariableDeclaration(node.parent) ? node.parent.name.getText() : 'a function'
}
