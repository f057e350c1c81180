/**
 * A model of the declared graph: `page` depends on `part` and `part` on `row`, which two links declare, in either order
 * and at any time, while the row is written and invalidated. Nodes hold `page`, made from the row.
 *
 * Promises: once a link and an invalidation have both resolved, in whatever order they came, no node holds a `page`
 * that is older than what was invalidated. A call has resolved once every node has applied its record. Every node has
 * the same graph at the same position, and so computes the same cascade.
 */
import type { Model, Visit } from './checker.ts'

export interface DeclaredRules {
  /** A link is a record of the log; else only the node through which it is declared knows of it. */
  linksAreRecords: boolean
  /** A cascade is computed by who applies the record; else by who appends it, from the links that it knows of. */
  cascadeIsComputedWhereApplied: boolean
  /** By a link, a name also shares in the invalidations that came before it. */
  linksShareThePast: boolean
  /** So do the dependents of that name. */
  dependentsShareThePast: boolean
}

export const allDeclaredRules: DeclaredRules = {
  linksAreRecords: true,
  cascadeIsComputedWhereApplied: true,
  linksShareThePast: true,
  dependentsShareThePast: true,
}

/** The names, each a dependent of the next: a link joins a name with the one after it. */
const names = ['page', 'part', 'row'] as const
const page = 0
const row = 2

/** What a record says: a link of the name at `link`, or an invalidation of the names in `ended`. */
interface LogRecord {
  readonly link: number
  readonly version: number
  readonly ended: readonly boolean[]
}

interface Node {
  readonly applied: number
  /** Which names this node knows to be linked with the next. */
  readonly links: readonly boolean[]
  /** name -> the position of its last invalidation. */
  readonly ledger: readonly number[]
  readonly held: { readonly version: number; readonly stamp: number } | undefined
  readonly load: { readonly version: number; readonly stamp: number } | undefined
}

export interface Declared {
  readonly truth: number
  readonly writes: number
  readonly isWriting: boolean
  readonly records: readonly LogRecord[]
  /** The links that were declared, by whatever way. */
  readonly declared: readonly boolean[]
  readonly nodes: readonly Node[]
}

const unlinked = [false, false]
const start: Node = { applied: 0, links: unlinked, ledger: [0, 0, 0], held: undefined, load: undefined }

export function declared(rules: DeclaredRules, writes: number): Model<Declared> {
  return {
    start: { truth: 0, writes, isWriting: false, records: [], declared: unlinked, nodes: [start, start] },
    moves(state, visit) {
      writerMoves(state, rules, visit)
      linkMoves(state, rules, visit)
      state.nodes.forEach((node, index) => nodeMoves({ state, node, index }, rules, visit))
    },
    broken: (state) => broken(state, rules),
    key: keyOf,
  }
}

/** The first node is the one through which the writer invalidates. */
function writerMoves(state: Declared, rules: DeclaredRules, visit: Visit<Declared>): void {
  const { writes, isWriting, truth, records, nodes } = state
  if (writes > 0 && !isWriting)
    visit('writer: writes the row', { ...state, writes: writes - 1, truth: truth + 1, isWriting: true })
  if (!isWriting) return
  const known = rules.cascadeIsComputedWhereApplied ? unlinked : (nodes[0]?.links ?? unlinked)
  const ended = reached(row, known)
  const record = { link: -1, version: truth, ended }
  visit(`writer: appends the invalidation of ${listed(ended)}`, {
    ...state,
    isWriting: false,
    records: [...records, record],
  })
}

/** The second node is the one through which links are declared. */
function linkMoves(state: Declared, rules: DeclaredRules, visit: Visit<Declared>): void {
  state.declared.forEach((isDeclared, link) => {
    if (isDeclared) return
    const next: Declared = { ...state, declared: replaced(state.declared, link, true) }
    const name = `links ${names[link]} with ${names[link + 1]}`
    const record = { link, version: 0, ended: [false, false, false] }
    if (rules.linksAreRecords)
      visit(`node 1: appends that it ${name}`, { ...next, records: [...state.records, record] })
    else
      visit(`node 1: ${name}, and appends nothing`, {
        ...next,
        nodes: next.nodes.map((node, index) => (index === 1 ? linked(node, link, rules) : node)),
      })
  })
}

interface At {
  state: Declared
  node: Node
  index: number
}

function nodeMoves({ state, node, index }: At, rules: DeclaredRules, visit: Visit<Declared>): void {
  const move = (name: string, next: Node) =>
    visit(`node ${index}: ${name}`, { ...state, nodes: replaced(state.nodes, index, next) })
  const record = state.records[node.applied]
  if (record !== undefined) {
    const what = record.link >= 0 ? `the link of ${names[record.link]}` : `v${record.version}`
    move(`applies record ${node.applied + 1} (${what})`, applied(node, record, rules))
  }
  if (node.held === undefined && node.load === undefined)
    move(`begins a load at ${node.applied} and reads v${state.truth}`, {
      ...node,
      load: { version: state.truth, stamp: node.applied },
    })
  if (node.load === undefined) return
  const isKept = (node.ledger[page] ?? 0) <= node.load.stamp
  move(`page is made, v${node.load.version} stamped ${node.load.stamp}${isKept ? '' : ', and not kept'}`, {
    ...node,
    load: undefined,
    held: isKept ? node.load : undefined,
  })
}

function applied(node: Node, record: LogRecord, rules: DeclaredRules): Node {
  const position = node.applied + 1
  if (record.link >= 0) return linked({ ...node, applied: position }, record.link, rules)
  const ended = rules.cascadeIsComputedWhereApplied ? reached(row, node.links) : record.ended
  return judged({
    ...node,
    applied: position,
    ledger: node.ledger.map((at, name) => (ended[name] === true ? position : at)),
  })
}

function linked(node: Node, link: number, rules: DeclaredRules): Node {
  const links = replaced(node.links, link, true)
  if (!rules.linksShareThePast) return { ...node, links }
  const past = node.ledger[link + 1] ?? 0
  const sharing = rules.dependentsShareThePast ? reached(link, links) : names.map((_, name) => name === link)
  const ledger = node.ledger.map((at, name) => (sharing[name] === true ? Math.max(at, past) : at))
  return judged({ ...node, links, ledger })
}

function judged(node: Node): Node {
  const isStale = node.held !== undefined && node.held.stamp < (node.ledger[page] ?? 0)
  return isStale ? { ...node, held: undefined } : node
}

/** name -> whether it is the one that changes, or depends on it by links. */
function reached(changed: number, links: readonly boolean[]): boolean[] {
  return names.map(
    (_, name) =>
      name <= changed && links.every((isLinked, link) => isLinked || link < name || link >= changed),
  )
}

function broken({ records, declared, nodes }: Declared, rules: DeclaredRules): string | undefined {
  const isLinked = (isDeclared: boolean, link: number) =>
    rules.linksAreRecords ? nodes.every(({ links }) => links[link] === true) : isDeclared
  if (!declared.every(isLinked)) return undefined
  const resolved = Math.min(...nodes.map((node) => node.applied))
  const owed = Math.max(0, ...records.slice(0, resolved).map((record) => record.version))
  const stale = nodes.findIndex(({ held }) => held !== undefined && held.version < owed)
  if (stale < 0) return undefined
  return `node ${stale} holds page, v${nodes[stale]?.held?.version}, though the links and the invalidation of v${owed} have resolved`
}

function keyOf({ truth, writes, isWriting, records, declared, nodes }: Declared, bytes: Uint8Array): number {
  const recordsMax = 5
  let at = 0
  const put = (value: number) => {
    bytes[at++] = value
  }
  put(truth * 16 + writes * 2 + Number(isWriting))
  put(bits(declared))
  for (let position = 0; position < recordsMax; position++) {
    const record = records[position]
    put(record === undefined ? 0 : ((record.link + 2) * 4 + record.version) * 8 + bits(record.ended))
  }
  for (const { applied, links, ledger, held, load } of nodes) {
    put(applied * 16 + bits(links))
    for (const position of ledger) put(position)
    put(held === undefined ? 0 : 1 + held.version * 16 + held.stamp)
    put(load === undefined ? 0 : 1 + load.version * 16 + load.stamp)
  }
  return at
}

function bits(flags: readonly boolean[]): number {
  return flags.reduce((sum, flag) => sum * 2 + Number(flag), 0)
}

function listed(ended: readonly boolean[]): string {
  return names.filter((_, name) => ended[name] === true).join(' and ')
}

function replaced<Item>(items: readonly Item[], index: number, item: Item): Item[] {
  return items.map((other, at) => (at === index ? item : other))
}
