import pc from 'picocolors'
import { describe, expect, it } from 'vitest'
import type { Graph } from '../api/protocol.ts'
import { treeText } from './graph.ts'

const plain = pc.createColors(false)

function graph(edges: [dependent: string, dependency: string][], more: Partial<Graph> = {}): Graph {
  return {
    name: 'a',
    direction: 'dependents',
    nodes: [{ name: 'b', depth: 1, held: true }],
    edges: edges.map(([dependent, dependency]) => ({ dependent, dependency, kind: 'declared' })),
    truncated: false,
    ...more,
  }
}

describe('the tree', () => {
  it('shows dependents below what they depend on', () => {
    const edges: [string, string][] = [
      ['b', 'a'],
      ['c', 'a'],
      ['d', 'b'],
    ]
    expect(treeText(graph(edges), plain)).toBe(['○ a', '├─ ● b', '│  └─ ○ d', '└─ ○ c'].join('\n'))
  })

  it('shows dependencies when asked for those', () => {
    expect(treeText(graph([['a', 'b']], { direction: 'dependencies' }), plain)).toBe('○ a\n└─ ● b')
  })

  it('opens a name once, so that a circle ends', () => {
    const edges: [string, string][] = [
      ['b', 'a'],
      ['a', 'b'],
    ]
    expect(treeText(graph(edges), plain)).toBe('○ a\n└─ ● b\n   └─ ○ a (see above)')
  })

  it('tells that there is more', () => {
    expect(treeText(graph([], { truncated: true }), plain)).toContain('there is more')
  })
})
