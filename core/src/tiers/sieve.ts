/**
 * Sieve: who has to go next, when there is no room.
 *
 *   oldest                       newest
 *      A  <->  B*  <->  C  <->  D*  <->  E        * used since it entered, or since the hand came by
 *              ^ hand -->
 *
 * A use sets one flag and moves nothing. For room the hand goes on towards the newest: who has the flag loses it and
 * stays in place (B), who has none goes (C), and the hand waits at the next (D). Past the newest it begins again at the
 * oldest. Who is new enters as the newest, without a flag. So what is used once goes before the hand has come round,
 * and what is used again and again stays, though the hand takes its flag each time.
 *
 * The source: Zhang, Yang, Yue, Vigfusson, Rashmi, "SIEVE is Simpler than LRU: an Efficient Turn-Key Eviction
 * Algorithm for Web Caches", NSDI 2024.
 *
 * It knows slots only, small whole numbers that it gives out. The list is a ring of slots in typed arrays: 9 B a slot
 * and nothing for the collector to look at, where a node object would take 56 B. Slot 0 is nobody's: it stands between
 * the newest and the oldest, so that no end of the list is a special case.
 *
 * Invariants: from 0 along `newer`, every slot that is in is met once, in the order in which they entered, and then 0
 * again; `older` is the same way back; the hand is at a slot that is in, or at 0, which means: begin at the oldest.
 * A slot that is not in waits in `free`, a chain along `newer`, or was never given out.
 * Costs: enter, use and leave O(1); a step of `victim` takes a flag that a use has set, so that a use pays for it. The
 * arrays double as they fill; they shrink when the sieve is dropped.
 */
const slotsAtFirst = 16

export class Sieve {
  #newer = new Uint32Array(slotsAtFirst)
  #older = new Uint32Array(slotsAtFirst)
  #isUsed = new Uint8Array(slotsAtFirst)
  #hand = 0
  #free = 0
  /** Slots from here on were never given out. */
  #unused = 1

  /** @returns the slot of who is now the newest */
  enter(): number {
    const slot = this.#freeSlot()
    const newest = this.#older[0] as number
    this.#isUsed[slot] = 0
    this.#join(newest, slot)
    this.#join(slot, 0)
    return slot
  }

  use(slot: number): void {
    this.#isUsed[slot] = 1
  }

  /** Its slot is given out again. */
  leave(slot: number): void {
    const newer = this.#newer[slot] as number
    if (this.#hand === slot) this.#hand = newer
    this.#join(this.#older[slot] as number, newer)
    this.#newer[slot] = this.#free
    this.#free = slot
  }

  /**
   * Moves the hand to who has to go, and leaves it there: `leave` is what moves it on.
   * Somebody other than `kept` has to be in.
   * @param kept a slot that is passed by; 0: none
   */
  victim(kept = 0): number {
    let slot = this.#hand
    while (slot === 0 || slot === kept || this.#isUsed[slot] === 1) {
      this.#isUsed[slot] = 0
      slot = this.#newer[slot] as number
    }
    this.#hand = slot
    return slot
  }

  #join(older: number, newer: number): void {
    this.#newer[older] = newer
    this.#older[newer] = older
  }

  #freeSlot(): number {
    const slot = this.#free
    if (slot === 0) return this.#nextUnused()
    this.#free = this.#newer[slot] as number
    return slot
  }

  #nextUnused(): number {
    if (this.#unused === this.#newer.length) this.#grow()
    return this.#unused++
  }

  #grow(): void {
    const slots = this.#newer.length * 2
    const [newer, older, isUsed] = [new Uint32Array(slots), new Uint32Array(slots), new Uint8Array(slots)]
    newer.set(this.#newer)
    older.set(this.#older)
    isUsed.set(this.#isUsed)
    this.#newer = newer
    this.#older = older
    this.#isUsed = isUsed
  }
}
