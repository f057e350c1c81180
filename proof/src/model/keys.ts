/**
 * The keys of all states that were seen, side by side in blocks of bytes, found by their hash.
 *
 * Invariants: all keys of one set are equally long; each is kept once; its index is the order in which it came. Whole
 * keys are compared, so that two states are never taken for one.
 */
export interface Keys {
  /** The index of a key that is new, or -1 for one that was there. */
  add(key: Uint8Array): number
  size(): number
}

const blockKeys = 65_536

export function keysOf(length: number): Keys {
  const blocks: Uint8Array[] = []
  let slots = new Int32Array(65_536)
  let count = 0

  const isAt = (index: number, key: Uint8Array): boolean => {
    const block = blocks[Math.floor(index / blockKeys)] as Uint8Array
    const from = (index % blockKeys) * length
    for (let at = 0; at < length; at++) if (block[from + at] !== key[at]) return false
    return true
  }

  /** The slot of a key: where it is, or the free one where it belongs. A slot holds an index plus one, or 0. */
  const slotOf = (key: Uint8Array): number => {
    const mask = slots.length - 1
    let slot = hash(key, length) & mask
    for (let held = slots[slot] as number; held !== 0; held = slots[slot] as number) {
      if (isAt(held - 1, key)) return slot
      slot = (slot + 1) & mask
    }
    return slot
  }

  const keyAt = (index: number): Uint8Array => {
    const from = (index % blockKeys) * length
    return (blocks[Math.floor(index / blockKeys)] as Uint8Array).subarray(from, from + length)
  }

  const grow = (): void => {
    slots = new Int32Array(slots.length * 2)
    for (let index = 0; index < count; index++) slots[slotOf(keyAt(index))] = index + 1
  }

  const add = (key: Uint8Array): number => {
    const slot = slotOf(key)
    if (slots[slot] !== 0) return -1
    if (count % blockKeys === 0) blocks.push(new Uint8Array(blockKeys * length))
    const index = count++
    keyAt(index).set(key.subarray(0, length))
    slots[slot] = index + 1
    if (count * 2 > slots.length) grow()
    return index
  }

  return { add, size: () => count }
}

/** FNV-1a, with the high bits mixed into the low ones, which choose the slot. */
function hash(key: Uint8Array, length: number): number {
  let sum = 0x811c9dc5
  for (let at = 0; at < length; at++) sum = Math.imul(sum ^ (key[at] as number), 0x01000193)
  sum ^= sum >>> 15
  sum = Math.imul(sum, 0x2c1b3c6d)
  return sum ^ (sum >>> 13)
}
