/**
 * The YAML file, with the place of everything in it.
 *
 * Invariant: `placeOf` always names a line, that of the nearest parent if what is asked for is not there.
 */
import { isMap, isNode, isPair, isScalar, LineCounter, parseDocument, type Document, type Node } from 'yaml'
import { invalidConfig, type Path, type Problem } from './problem.ts'

export class ConfigDocument {
  /** What the file says; `{}` for an empty one. */
  readonly content: unknown
  readonly #file: string
  readonly #document: Document
  readonly #lines = new LineCounter()

  /** @throws E_CONFIG_INVALID with every syntax error, by line and column. */
  constructor(file: string, text: string) {
    this.#file = file
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false })
    // A warning is a tag that means nothing here: the value would not be what its writer thinks.
    const problems = [...this.#document.errors, ...this.#document.warnings].map(({ message, pos }) =>
      this.#syntaxProblem(message, pos[0]),
    )
    if (problems.length > 0) throw invalidConfig(problems)
    this.content = this.#read() ?? {}
  }

  has(path: Path): boolean {
    return this.#document.hasIn(path)
  }

  /** `file:line:column` of the value at `path`. */
  placeOf(path: Path): string {
    for (let length = path.length; length > 0; length--) {
      const node = this.#document.getIn(path.slice(0, length), true)
      if (isNode(node)) return this.#place(node.range?.[0])
    }
    return this.#place(this.#document.contents?.range?.[0])
  }

  /** `file:line:column` of a key, rather than of its value. */
  placeOfKey(parent: Path, key: string): string {
    const map = parent.length === 0 ? this.#document.contents : this.#document.getIn(parent, true)
    const pair = isMap(map) ? map.items.find((item) => isPair(item) && keyText(item.key) === key) : undefined
    return isNode(pair?.key) ? this.#place(pair.key.range?.[0]) : this.placeOf(parent)
  }

  #read(): unknown {
    try {
      return this.#document.toJS()
    } catch (error) {
      // Thrown for aliases that would grow without end.
      throw invalidConfig([this.#syntaxProblem((error as Error).message, 0)])
    }
  }

  #syntaxProblem(message: string, offset: number): Problem {
    return { where: this.#place(offset), path: '', found: message, expected: 'YAML that can be read' }
  }

  #place(offset = 0): string {
    const { line, col } = this.#lines.linePos(offset)
    return `${this.#file}:${line}:${col}`
  }
}

function keyText(key: unknown): unknown {
  return isScalar(key as Node) ? String((key as { value: unknown }).value) : key
}
