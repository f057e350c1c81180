/**
 * A heap of slots that each know their place, so that any of them can be taken out in O(log n).
 *
 * Invariants: no slot is less than its parent by (rank, seq); `slots[i].at === i`; a slot is in one heap at most.
 */
import type { Job } from './contract.ts'

/** A job's seat in the queue. */
export interface Slot {
  job: Job
  /** Least first. Set before the slot goes into a heap, and left alone while it is there. */
  rank: number
  /** Order of arrival: decides between equal ranks. */
  readonly seq: number
  /** Place in the heap it is in; -1 if in none. */
  at: number
}

export class JobHeap {
  readonly #slots: Slot[] = []

  get first(): Slot | undefined {
    return this.#slots[0]
  }

  push(slot: Slot): void {
    this.#place(slot, this.#slots.length)
    this.#rise(slot)
  }

  /** True if the slot was in this heap; it no longer is. */
  remove(slot: Slot): boolean {
    const at = slot.at
    if (at === -1 || this.#slots[at] !== slot) return false
    const last = this.#slots.pop()
    slot.at = -1
    if (last === undefined || last === slot) return true
    this.#place(last, at)
    this.#rise(last)
    this.#sink(last)
    return true
  }

  #rise(slot: Slot): void {
    for (;;) {
      const parent = this.#slots[(slot.at - 1) >> 1]
      if (parent === undefined || !isLess(slot, parent)) return
      this.#swap(slot, parent)
    }
  }

  #sink(slot: Slot): void {
    for (;;) {
      const left = this.#slots[2 * slot.at + 1]
      const right = this.#slots[2 * slot.at + 2]
      const child = right !== undefined && left !== undefined && isLess(right, left) ? right : left
      if (child === undefined || !isLess(child, slot)) return
      this.#swap(slot, child)
    }
  }

  #swap(one: Slot, other: Slot): void {
    const at = one.at
    this.#place(one, other.at)
    this.#place(other, at)
  }

  #place(slot: Slot, at: number): void {
    this.#slots[at] = slot
    slot.at = at
  }
}

export function isLess(one: Slot, other: Slot): boolean {
  return one.rank < other.rank || (one.rank === other.rank && one.seq < other.seq)
}
