/** What depends on a name, or what it depends on, as a tree. */
import { Option, type Command } from 'commander'
import { directionSchema, graphSchema, type Graph } from '../api/protocol.ts'
import { named } from './client.ts'
import { safe } from './layout.ts'
import { wholeNumber } from './options.ts'
import type { Colors, Terminal } from './terminal.ts'

export function addGraph(program: Command, terminal: Terminal): void {
  program
    .command('graph')
    .summary('what depends on a name, as a tree')
    .description('Walks the graph from a name. A filled dot is an entry that is held.')
    .argument('<name>')
    .addOption(new Option('--direction <which>', 'which way').choices(directionSchema.options))
    .addOption(new Option('--depth <number>', 'how far').argParser(wholeNumber(1)))
    .addHelpText('after', '\nExample:\n  staleproof graph file:/photos/sea.jpg --depth 3')
    .action(async (name: string, query: { direction?: string; depth?: number }) => {
      terminal.show(await terminal.client().ask(graphSchema, named('v1/graph', name), { query }), treeText)
    })
}

interface Tree {
  readonly children: ReadonlyMap<string, readonly { name: string; kind: string }[]>
  readonly held: ReadonlySet<string>
  readonly colors: Colors
  /** A name is opened where it comes first, so that a circle ends. */
  readonly opened: Set<string>
}

export function treeText(graph: Graph, colors: Colors): string {
  const held = new Set(graph.nodes.filter((node) => node.held).map(({ name }) => name))
  const tree: Tree = { children: childrenIn(graph), held, colors, opened: new Set() }
  const more = graph.truncated ? [colors.dim('there is more than was walked; give --depth')] : []
  return [label(tree, graph.name, 'declared'), ...branches(tree, graph.name, ''), ...more].join('\n')
}

function childrenIn({ edges, direction }: Graph): Map<string, { name: string; kind: string }[]> {
  const children = new Map<string, { name: string; kind: string }[]>()
  for (const { dependent, dependency, kind } of edges) {
    const [parent, child] = direction === 'dependents' ? [dependency, dependent] : [dependent, dependency]
    const list = children.get(parent) ?? []
    children.set(parent, list)
    list.push({ name: child, kind })
  }
  return children
}

function branches(tree: Tree, name: string, indent: string): string[] {
  tree.opened.add(name)
  const children = tree.children.get(name) ?? []
  return children.flatMap((child, index) => {
    const isLast = index === children.length - 1
    const isRepeated = tree.opened.has(child.name) && tree.children.has(child.name)
    const line = `${indent}${isLast ? '└─' : '├─'} ${label(tree, child.name, child.kind)}`
    if (isRepeated) return [`${line} ${tree.colors.dim('(see above)')}`]
    return [line, ...branches(tree, child.name, `${indent}${isLast ? '   ' : '│  '}`)]
  })
}

function label({ held, colors }: Tree, name: string, kind: string): string {
  const dot = held.has(name) ? colors.green('●') : '○'
  return `${dot} ${safe(name)}${kind === 'declared' ? '' : colors.dim(` ${kind}`)}`
}
