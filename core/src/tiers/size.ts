/**
 * What a value weighs: exact for bytes, an estimate for objects (V8 does not tell).
 *
 * The walk stops after `visitsMax` parts and goes on with the average so far, so that storing stays cheap however
 * large the value is.
 */
const pointerBytes = 8
const objectBytes = 24
const visitsMax = 1000

/** Weight in bytes of an entry's own record, without its key, value and dependencies. */
export const entryOverheadBytes = 200

export function estimateBytes(value: unknown): number {
  const whole = bytesOf(value)
  if (whole !== undefined) return whole
  return walk(value as object)
}

function bytesOf(value: unknown): number | undefined {
  switch (typeof value) {
    case 'string':
      return objectBytes + value.length * 2
    case 'object':
      if (value === null) return pointerBytes
      if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return objectBytes * 2 + value.byteLength
      return undefined
    case 'function':
      return objectBytes
    default:
      return pointerBytes
  }
}

function walk(root: object): number {
  const seen = new Set<object>([root])
  const queue: object[] = [root]
  let bytes = 0
  let visits = 0
  for (let next = 0; next < queue.length && visits < visitsMax; next++) {
    bytes += objectBytes
    for (const part of partsOf(queue[next] as object)) {
      visits++
      bytes += pointerBytes
      const whole = bytesOf(part)
      if (whole !== undefined) bytes += whole
      else if (!seen.has(part as object)) {
        seen.add(part as object)
        queue.push(part as object)
      }
      if (visits >= visitsMax) break
    }
  }
  return visits < visitsMax ? bytes : Math.ceil((bytes * countParts(queue)) / visits)
}

/** Parts of the objects met so far, looked at or not. */
function countParts(met: readonly object[]): number {
  let parts = 0
  for (const object of met) parts += sizeOf(object)
  return parts
}

function sizeOf(object: object): number {
  if (Array.isArray(object)) return object.length
  if (object instanceof Map || object instanceof Set) return object.size
  return Object.keys(object).length
}

function partsOf(object: object): Iterable<unknown> {
  if (Array.isArray(object)) return object
  if (object instanceof Set) return object
  if (object instanceof Map) return pairsOf(object)
  return Object.values(object)
}

function* pairsOf(map: ReadonlyMap<unknown, unknown>): Iterable<unknown> {
  for (const [key, value] of map) {
    yield key
    yield value
  }
}
