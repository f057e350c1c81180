import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checksum } from './checksum.ts'

test('is the CRC-32 of zlib, whatever the length and wherever the bytes lie', () => {
  const bytes = fc.uint8Array({ maxLength: 800 })
  fc.assert(
    fc.property(bytes, fc.nat(9), fc.nat(800), (given, shift, cut) => {
      const lying = Buffer.concat([Buffer.alloc(shift), given]).subarray(shift)
      const end = Math.min(cut, given.length)
      expect(checksum(lying, end)).toBe(crc32(given.subarray(0, end)))
    }),
  )
})
