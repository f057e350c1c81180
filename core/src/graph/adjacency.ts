/**
 * Adjacency: for every node a list of cells, in blocks of one pool. One direction of the edges of a kind.
 *
 *   nodes   [ start count | start count | ... ]        two slots a node, so that a walk misses the cache once
 *   cells   [ c c c . | c | c c | (free) . . . | ... ]  other end << 1 | flag
 *   backs   [ b b b . | b | b b |        . . . | ... ]  where the twin of the cell lies in the other end's list
 *
 * Blocks have the sizes 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20 ... (four a doubling, so that a tenth is
 * waste and not, as with powers of two, a third). A free block holds the start of the next free one of its size. When the pool is full it is copied into a new
 * one, block by block in the order of the nodes, which leaves out what lies free: blocks move, so a back is a
 * place in the list and not in the pool.
 *
 * Invariants: a list fills its block from the start without gaps; a node without cells has no block; a block
 * is at least a quarter full, so that push and drop are O(1) amortised however they alternate.
 */
const blockSizes = Int32Array.from({ length: 112 }, (_, sizeClass) =>
  sizeClass < 4 ? sizeClass : (4 + (sizeClass & 3)) << ((sizeClass >> 2) - 1),
)
const none = -1
/** Share by which a pool outgrows its content when it is copied. */
const growth = 1.2

export class Adjacency {
  /** For walks, read only: node -> start, count. A node beyond its end has no cells. */
  nodes = new Int32Array(0)
  /** For walks, read only: valid until the next change. */
  cells = new Int32Array(0)
  #backs = new Int32Array(0)
  /** node -> which of the block sizes it has; 0: no block. */
  #classes = new Uint8Array(0)
  /** Class of block -> start of the first free one. */
  readonly #free = new Int32Array(blockSizes.length).fill(none)
  /** Everything from here to the end of the pool was never used. */
  #unused = 0
  /** Cells in blocks that nodes have. */
  #taken = 0

  get bytes(): number {
    return 4 * (this.nodes.length + this.cells.length + this.#backs.length) + this.#classes.length
  }

  count(node: number): number {
    return this.nodes[2 * node + 1] ?? 0
  }

  cellAt(node: number, place: number): number {
    return this.cells[this.#start(node) + place] as number
  }

  backAt(node: number, place: number): number {
    return this.#backs[this.#start(node) + place] as number
  }

  setBack(node: number, place: number, back: number): void {
    this.#backs[this.#start(node) + place] = back
  }

  /** Makes `nodes` hold every node below `count`. */
  cover(count: number): void {
    if (2 * count <= this.nodes.length) return
    const capacity = Math.max(16, Math.ceil(count * growth))
    this.nodes = enlarged(this.nodes, 2 * capacity)
    const classes = new Uint8Array(capacity)
    classes.set(this.#classes)
    this.#classes = classes
  }

  /** Makes room for `count` cells in all. */
  reserve(node: number, count: number): void {
    this.cover(node + 1)
    if (count > (blockSizes[this.#classes[node] as number] as number)) this.#resize(node, count)
  }

  /** Appends a cell. O(1) amortised. @returns its place in the list */
  push(node: number, cell: number, back: number): number {
    const place = this.count(node)
    this.reserve(node, place + 1)
    const at = this.#start(node) + place
    this.cells[at] = cell
    this.#backs[at] = back
    this.nodes[2 * node + 1] = place + 1
    return place
  }

  /** Removes a cell; the last one of the list takes its place. O(1) amortised. */
  drop(node: number, place: number): void {
    const last = this.count(node) - 1
    const start = this.#start(node)
    this.cells[start + place] = this.cells[start + last] as number
    this.#backs[start + place] = this.#backs[start + last] as number
    this.nodes[2 * node + 1] = last
    if (4 * last < (blockSizes[this.#classes[node] as number] as number)) this.#resize(node, last)
  }

  /** Removes all cells of a node. O(1). */
  clear(node: number): void {
    if (this.count(node) === 0) return
    this.nodes[2 * node + 1] = 0
    this.#resize(node, 0)
  }

  #start(node: number): number {
    return this.nodes[2 * node] as number
  }

  /** Moves the list of a node into the smallest block that holds `count` cells. */
  #resize(node: number, count: number): void {
    const sizeClass = classFor(count)
    const to = sizeClass === 0 ? 0 : this.#take(sizeClass)
    // Only now: taking a block may have moved all others.
    const from = this.#start(node)
    const kept = this.count(node)
    for (let i = 0; i < kept; i++) {
      this.cells[to + i] = this.cells[from + i] as number
      this.#backs[to + i] = this.#backs[from + i] as number
    }
    this.#giveBack(node)
    this.nodes[2 * node] = to
    this.#classes[node] = sizeClass
  }

  #take(sizeClass: number): number {
    const size = blockSizes[sizeClass] as number
    const free = this.#free[sizeClass] as number
    this.#taken += size
    if (free !== none) {
      this.#free[sizeClass] = this.cells[free] as number
      return free
    }
    if (this.#unused + size > this.cells.length) this.#repack()
    this.#unused += size
    return this.#unused - size
  }

  #giveBack(node: number): void {
    const sizeClass = this.#classes[node] as number
    if (sizeClass === 0) return
    const start = this.#start(node)
    this.cells[start] = this.#free[sizeClass] as number
    this.#free[sizeClass] = start
    this.#taken -= blockSizes[sizeClass] as number
  }

  /** Copies all blocks into a new pool with room to grow. O(nodes + cells), once in a share of as many pushes. */
  #repack(): void {
    const capacity = Math.max(64, Math.ceil(this.#taken * growth))
    const cells = new Int32Array(capacity)
    const backs = new Int32Array(capacity)
    let end = 0
    for (let node = 0; node < this.#classes.length; node++) {
      const sizeClass = this.#classes[node] as number
      if (sizeClass === 0) continue
      const start = this.#start(node)
      const count = this.count(node)
      for (let i = 0; i < count; i++) {
        cells[end + i] = this.cells[start + i] as number
        backs[end + i] = this.#backs[start + i] as number
      }
      this.nodes[2 * node] = end
      end += blockSizes[sizeClass] as number
    }
    this.cells = cells
    this.#backs = backs
    this.#unused = end
    this.#free.fill(none)
  }
}

function classFor(count: number): number {
  let sizeClass = 0
  while ((blockSizes[sizeClass] as number) < count) sizeClass++
  return sizeClass
}

function enlarged(array: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(length)
  larger.set(array)
  return larger
}
