/**
 * The truth that processes share: versions of sources, and what was demanded of them, in a small file of its own.
 *
 *   cell 0 .. names        version of each name; written by the process that owns the name
 *   further, per process   what it demands of each name: the least version that a reader may get from now on
 *   further, per process   which declarations (links, rules) it knows to be in force
 *
 * What was written survives the process that wrote it, whatever becomes of the directory under proof.
 * Invariants: a cell has one writer; versions and demands only grow.
 */
import { closeSync, openSync, readSync, writeSync } from 'node:fs'

/** Name -> version. */
export type Versions = Readonly<Record<string, number>>

const cellBytes = 4

export interface TruthShape {
  readonly names: readonly string[]
  readonly declarations: readonly string[]
  /** Processes at once. */
  readonly slots: number
}

/** What holds at one moment. */
export interface Moment {
  demanded(name: string): number
  isDeclared(declaration: string): boolean
}

export class SharedTruth {
  readonly #file: number
  readonly #shape: TruthShape
  readonly #places = new Map<string, number>()
  readonly #declared = new Map<string, number>()
  readonly #cells: Int32Array

  constructor(path: string, shape: TruthShape) {
    this.#file = openSync(path, 'a+')
    closeSync(this.#file)
    this.#file = openSync(path, 'r+')
    this.#shape = shape
    const { names, declarations, slots } = shape
    for (const [i, name] of names.entries()) this.#places.set(name, i)
    for (const [i, declaration] of declarations.entries()) this.#declared.set(declaration, i)
    this.#cells = new Int32Array(names.length + slots * (names.length + declarations.length))
  }

  version(name: string): number {
    this.#read()
    return this.#cells[this.#place(name)] as number
  }

  /** By the owner of the name only. @returns the new version */
  write(name: string): number {
    const version = this.version(name) + 1
    this.#write(this.#place(name), version)
    return version
  }

  /** From now on no reader gets less. */
  demand(slot: number, name: string, version: number): void {
    this.#read()
    const at = this.#demandedAt(slot) + this.#place(name)
    if ((this.#cells[at] as number) < version) this.#write(at, version)
  }

  declare(slot: number, declaration: string, isInForce: boolean): void {
    this.#write(this.#declaredAt(slot) + this.#number(declaration), isInForce ? 1 : 0)
  }

  /** What holds now. */
  now(): Moment {
    this.#read()
    const cells = this.#cells.slice()
    const over = (at: (slot: number) => number) =>
      Math.max(...Array.from({ length: this.#shape.slots }, (_, slot) => cells[at(slot)] as number))
    return {
      demanded: (name) => over((slot) => this.#demandedAt(slot) + this.#place(name)),
      isDeclared: (declaration) => over((slot) => this.#declaredAt(slot) + this.#number(declaration)) > 0,
    }
  }

  close(): void {
    closeSync(this.#file)
  }

  #place(name: string): number {
    const place = this.#places.get(name)
    if (place === undefined) throw new Error(`no such name: ${name}`)
    return place
  }

  #number(declaration: string): number {
    const number = this.#declared.get(declaration)
    if (number === undefined) throw new Error(`no such declaration: ${declaration}`)
    return number
  }

  #demandedAt(slot: number): number {
    return this.#shape.names.length * (1 + slot)
  }

  #declaredAt(slot: number): number {
    const { names, declarations, slots } = this.#shape
    return names.length * (1 + slots) + slot * declarations.length
  }

  #read(): void {
    readSync(this.#file, this.#cells, 0, this.#cells.byteLength, 0)
  }

  #write(cell: number, value: number): void {
    writeSync(this.#file, Int32Array.of(value), 0, cellBytes, cell * cellBytes)
  }
}
