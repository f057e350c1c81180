/**
 * Tree: what was in a watched folder when we last looked.
 *
 * folder -> name -> look means "this was there and looked so".
 * Invariants: every folder that is in the tree has its own map; what is below something removed is removed.
 */
import { basename, dirname, join } from 'node:path'
import type { Look } from './folder.ts'

export interface Removed {
  readonly path: string
  readonly isFolder: boolean
}

export class Tree {
  readonly #folders = new Map<string, Map<string, Look>>()
  #size = 0

  /** How many files and folders. */
  get size(): number {
    return this.#size
  }

  get(path: string): Look | undefined {
    return this.#folders.get(dirname(path))?.get(basename(path))
  }

  set(path: string, look: Look): void {
    const names = this.#namesOf(dirname(path))
    if (!names.has(basename(path))) this.#size += 1
    names.set(basename(path), look)
    if (look.isFolder) this.#namesOf(path)
  }

  /** All that is in it, by path. */
  *entries(): Generator<[path: string, look: Look], void, undefined> {
    for (const [folder, names] of this.#folders) {
      for (const [name, look] of names) yield [join(folder, name), look]
    }
  }

  namesIn(folder: string): string[] {
    return [...(this.#folders.get(folder)?.keys() ?? [])]
  }

  /** Takes out a path with all that is below it, the deepest first. */
  remove(path: string): Removed[] {
    const look = this.get(path)
    if (look === undefined) return []
    const below = this.namesIn(path).flatMap((name) => this.remove(join(path, name)))
    this.#folders.delete(path)
    this.#folders.get(dirname(path))?.delete(basename(path))
    this.#size -= 1
    return [...below, { path, isFolder: look.isFolder }]
  }

  clear(): void {
    this.#folders.clear()
    this.#size = 0
  }

  #namesOf(folder: string): Map<string, Look> {
    const names = this.#folders.get(folder) ?? new Map<string, Look>()
    this.#folders.set(folder, names)
    return names
  }
}
