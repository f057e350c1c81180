/**
 * The public API as declared: what each door of the library exports, and what those declarations mention.
 * The snapshots are in core/tests/types; a change of the API is a change of them, seen in review.
 *
 * Usage: npm run check -- api [--update]
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import ts from 'typescript'
import { root } from '../programs.mjs'
import { merge } from './canary.mjs'

const canary = 'scripts/canaries/api'

export async function api({ update }) {
  const { exports } = JSON.parse(readFileSync(join(root, 'core/package.json'), 'utf8'))
  const doors = Object.values(exports).map(({ types }) => join(root, 'core', types))
  const verdicts = doors.map((door) => {
    if (!existsSync(door)) return { code: 1, output: `${door} was not built` }
    const name = basename(door, '.d.ts')
    return compare(declarations(door), { snapshot: join(root, 'core/tests/types', `${name}.txt`), update })
  })
  return merge([...verdicts, look()], doors.map((door) => basename(door, '.d.ts')).join(', '))
}

/** The snapshot of the canary is of another day, when a type that its door only mentions had another member. */
function look() {
  const { output } = compare(declarations(join(root, canary, 'index.d.ts')), {
    snapshot: join(root, canary, 'index.txt'),
  })
  const seen = output.split('\n').filter((line) => /^[+-] /.test(line))
  const expected = ['-     ageMs: string;', '+     ageMs: number;']
  const isSeen = seen.join('\n') === expected.join('\n')
  return { code: isSeen ? 0 : 1, output: `the api check is blind: of its canary it saw\n${output}` }
}

function compare(text, { snapshot, update = false }) {
  const known = existsSync(snapshot) ? readFileSync(snapshot, 'utf8') : ''
  if (known === text) return { code: 0, output: '' }
  if (update) {
    mkdirSync(dirname(snapshot), { recursive: true })
    writeFileSync(snapshot, text)
    return { code: 0, output: '' }
  }
  const how = 'if it is meant: npm run check -- api --update'
  return { code: 1, output: `${snapshot} is not what is exported now; ${how}\n${difference(known, text)}` }
}

/** Lines of one that the other has not. Order is not compared: the declarations are sorted by name. */
function difference(before, after) {
  const [old, now] = [before.split('\n'), after.split('\n')]
  const gone = old.filter((line) => !now.includes(line)).map((line) => `- ${line}`)
  const come = now.filter((line) => !old.includes(line)).map((line) => `+ ${line}`)
  return [...gone, ...come].join('\n')
}

/** What a built `.d.ts` exports, sorted by name, then what those declarations mention that it does not export. */
function declarations(door) {
  const program = ts.createProgram([door], { module: ts.ModuleKind.NodeNext, skipLibCheck: true })
  const checker = program.getTypeChecker()
  const module = checker.getSymbolAtLocation(program.getSourceFile(door))
  const exported = checker.getExportsOfModule(module).map((symbol) => real(checker, symbol))
  const reached = new Set(exported)
  for (const symbol of reached) {
    for (const mentioned of mentions(checker, symbol))
      if (isWithin(dirname(door), mentioned)) reached.add(mentioned)
  }
  const others = [...reached].slice(exported.length)
  const renamed = checker
    .getExportsOfModule(module)
    .flatMap((symbol) => rename(symbol, real(checker, symbol)))
  return (
    ['// exported', ...renamed, ...print(exported), '// mentioned', ...print(others), '']
      .join('\n\n')
      .trimEnd() + '\n'
  )
}

/** The symbols that the declarations of a symbol name. */
function mentions(checker, symbol) {
  const found = []
  const visit = (node) => {
    const mentioned = ts.isIdentifier(node) ? checker.getSymbolAtLocation(node) : undefined
    if (mentioned !== undefined) found.push(real(checker, mentioned))
    ts.forEachChild(node, visit)
  }
  for (const declaration of symbol.declarations ?? []) visit(declaration)
  return found
}

function isWithin(folder, { declarations: places = [] }) {
  const isTop = (place) => ts.isSourceFile(statement(place).parent)
  return (
    places.length > 0 &&
    places.every((place) => isTop(place) && place.getSourceFile().fileName.startsWith(folder))
  )
}

function print(symbols) {
  const printer = ts.createPrinter({ removeComments: true })
  const sorted = symbols.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const statements = new Set(sorted.flatMap(({ declarations: places = [] }) => places.map(statement)))
  return [...statements].map((node) => printer.printNode(ts.EmitHint.Unspecified, node, node.getSourceFile()))
}

function statement(declaration) {
  return ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration
}

function rename(symbol, { name }) {
  return symbol.name === name ? [] : [`export { ${name} as ${symbol.name} };`]
}

function real(checker, symbol) {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
}
