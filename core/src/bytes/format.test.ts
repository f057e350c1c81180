import { crc32 } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { entryOf, policy } from '../../tests/disk-world.ts'
import type { EntryParts } from '../model/entry.ts'
import { StaleproofError } from '../model/errors.ts'
import { encoded, none } from './encoded.ts'
import { Format, type ToStore } from './format.ts'

const format = new Format('g', (name) => ({ ...policy, name }))

const numbers = { sequence: 7, indexBytes: 40, file: undefined }

function stored(more: Partial<EntryParts>): ToStore {
  const entry = entryOf('k', { stamp: 3, keyStamp: 4, storedAt: 1000, ttlMs: 50, capAt: 1030, ...more })
  return { ...numbers, entry, value: encoded(entry.value) }
}

function bytesOf(more: Partial<EntryParts>): Buffer {
  return format.encode(stored(more))
}

const inFile: ToStore = { ...stored({ value: 'x' }), file: { writer: 2, number: 258, length: 9, crc: 5 } }

/** What each form was written as by version 1. Never changes: a directory of then is read now. */
const golden: readonly [string, ToStore, string][] = [
  [
    'none',
    { ...stored({}), value: none },
    '01006b64656661756c74000000000000084000000000000010400000000000408f400000000000004940000000000018' +
      '904000000000001890400000000000001c4000000000000059400000000000606740080000000000000000000000761b' +
      'd40107000000000000014dada875',
  ],
  [
    'bytes',
    stored({ value: Buffer.from('bytes') }),
    '627974657301006b64656661756c74000000000000084000000000000010400000000000408f40000000000000494000' +
      '0000000018904000000000001890400000000000001c4000000000000059400000000000406840080000000000000000' +
      '000000761bd40107000000000100018932f838',
  ],
  [
    'ascii',
    stored({ value: 'text', dependencies: ['d:1', 'd:2'], directCount: 1 }),
    '746578740100030003006b64656661756c74643a31643a32000000000000084000000000000010400000000000408f40' +
      '0000000000004940000000000018904000000000001890400000000000001c4000000000000059400000000000c06940' +
      '0e0000000200000001000000761bd401070000000002000170c895c5',
  ],
  [
    'text',
    stored({ value: 'né', dependencies: ['é'], directCount: 1 }),
    '6ec3a9010001006b64656661756c74c3a9000000000000084000000000000010400000000000408f4000000000000049' +
      '40000000000018904000000000001890400000000000001c40000000000000594000000000008068400a000000010000' +
      '0001000000761bd401070000000003040196da6d9f',
  ],
  [
    'wide',
    stored({ value: '\ud800', dependencies: ['\ud800'] }),
    '00d8010001006b00640065006600610075006c00740000d8000000000000084000000000000010400000000000408f40' +
      '0000000000004940000000000018904000000000001890400000000000001c4000000000000059400000000000c06940' +
      '120000000100000000000000761bd4010700000000040801a8fccb34',
  ],
  [
    'cbor',
    stored({ value: { a: [1, null, 'x'] } }),
    'b9000161618301f6617801006b64656661756c74000000000000084000000000000010400000000000408f4000000000' +
      '00004940000000000018904000000000001890400000000000001c400000000000005940000000000000694008000000' +
      '0000000000000000761bd4010700000000050001ec979668',
  ],
  [
    'error',
    stored({ kind: 'error', value: withStack(new TypeError('no')) }),
    'b90006646e616d6569547970654572726f72676d657373616765626e6f65737461636b6f547970654572726f723a2061' +
      '742078666669656c6473b90000656361757365f76669734f757273f401006b64656661756c7400000000000008400000' +
      '0000000010400000000000408f400000000000004940000000000018904000000000001890400000000000001c400000' +
      '0000000059400000000000007240080000000000000000000000761bd40107000000000602016583915d',
  ],
  [
    'in a file',
    inFile,
    '0000000000000040000000000020704000000000000022400500000001006b64656661756c7400000000000008400000' +
      '0000000010400000000000408f400000000000004940000000000018904000000000001890400000000000001c400000' +
      '0000000059400000000000206d40080000000000000000000000761bd4010700000000020101ffd2eb0e',
  ],
]

function withStack<E extends Error>(error: E): E {
  error.stack = `${error.name}: at x`
  return error
}

describe('the bytes of an entry', () => {
  it.each(golden)('are the same as ever: %s', (_form, toStore, hex) => {
    expect(format.encode(toStore).toString('hex')).toBe(hex)
  })

  it.each(golden)('are read as ever: %s', (_form, { entry, value, file }, hex) => {
    const read = format.decode(Buffer.from(hex, 'hex'))
    const { value: given, ...parts } = entry
    expect(read).toMatchObject({ ...parts, goneAt: 1030, sequence: 7, form: value.form, file })
    const isHere = file === undefined && value.form !== 'none'
    expect(read.value).toEqual(isHere ? given : undefined)
  })

  it('prove that they are what was written: no byte can change', () => {
    const entry = { value: { a: 'x'.repeat(20) }, dependencies: ['d:1'], directCount: 1 }
    const bytes = bytesOf(entry)
    for (let at = 0; at < bytes.length; at++) {
      for (const bit of [1, 128]) {
        const flipped = Buffer.from(bytes)
        flipped[at] = (flipped[at] as number) ^ bit
        expect(() => format.decode(flipped)).toThrow(expect.objectContaining({ code: 'E_DISK_DAMAGED' }))
        expect(() => format.salvage(flipped)).not.toThrow()
      }
    }
    for (let end = 0; end < bytes.length; end++) {
      expect(() => format.decode(bytes.subarray(0, end))).toThrow(
        expect.objectContaining({ code: 'E_DISK_DAMAGED' }),
      )
      expect(() => format.salvage(bytes.subarray(0, end))).not.toThrow()
    }
  })

  it('are of no use if another version wrote them', () => {
    const bytes = bytesOf({})
    bytes[bytes.length - 5] = 2
    bytes.writeUInt32LE(crc32(bytes.subarray(0, -4)), bytes.length - 4)
    expect(() => format.decode(bytes)).toThrow(expect.objectContaining({ code: 'E_DISK_DAMAGED' }))
  })

  it('may be overwritten when they were read: nothing refers to them', () => {
    const value = { nested: [Buffer.from('nested'), new Uint8Array([1, 2]), new Float64Array([1.5])] }
    for (const given of [value, Buffer.from('plain'), 'text', 'tèxt']) {
      const bytes = Buffer.from(bytesOf({ value: given, dependencies: ['d:1'] }))
      const { value: read, dependencies, key } = format.decode(bytes)
      bytes.fill(0xff)
      expect([read, dependencies, key]).toEqual([given, ['d:1'], 'k'])
    }
  })

  it('belong to one generation', () => {
    const other = new Format('other', () => policy)
    expect(other.decode(bytesOf({})).generation).toBe('')
    expect(format.decode(bytesOf({})).generation).toBe('g')
  })

  it('give the head without decoding the value', () => {
    const { value, dependencies, form } = format.head(bytesOf({ value: [1], dependencies: ['d'] }))
    expect([value, dependencies, form]).toEqual([undefined, ['d'], 'cbor'])
  })
})

describe('the latest moment at which an entry can be served', () => {
  const at = { storedAt: 1000, ttlMs: 50, capAt: Infinity }
  const goneAt = (more: Partial<EntryParts>) => format.decode(bytesOf({ ...at, ...more })).goneAt
  const generous = { ...policy, accessMultiplier: 2, maxExtensionMs: 500, graceMs: 7 }

  it('takes extensions and grace into account, but for what is no good', () => {
    expect(goneAt({})).toBe(1050)
    expect(goneAt({ policy: generous })).toBe(1507)
    expect(goneAt({ policy: generous, capAt: 1200 })).toBe(1207)
    expect(goneAt({ policy: generous, value: undefined })).toBe(1050)
    expect(goneAt({ policy: generous, kind: 'error' })).toBe(1050)
  })
})

describe('an error', () => {
  const back = (error: unknown) => format.decode(bytesOf({ kind: 'error', value: error })).value

  it('comes back with all that was said of it', () => {
    const cause = new RangeError('deep', { cause: { at: 1 } })
    const error = Object.assign(new TypeError('no', { cause }), { code: 'E_X', status: 404, send() {} })
    const read = back(error) as typeof error
    expect(read).toBeInstanceOf(TypeError)
    expect({ ...(read as object) }).toEqual({ code: 'E_X', status: 404 })
    expect([read.name, read.message, read.stack]).toEqual(['TypeError', 'no', error.stack])
    expect(read.cause).toBeInstanceOf(RangeError)
    expect((read.cause as Error).cause).toEqual({ at: 1 })
  })

  it('of a class that is not known is an Error by its name', () => {
    class MissingError extends Error {
      override name = 'MissingError'
    }
    const read = back(new MissingError('gone')) as Error
    expect(read.constructor).toBe(Error)
    expect(`${read}`).toBe('MissingError: gone')
  })

  it('of ours is one of ours', () => {
    const read = back(new StaleproofError('E_X', 'why', { details: { a: 1 }, cause: 'c' })) as StaleproofError
    expect(read).toBeInstanceOf(StaleproofError)
    expect([read.code, read.message, read.details, read.cause]).toEqual(['E_X', 'why', { a: 1 }, 'c'])
  })

  it('may have a cause that has it as its cause', () => {
    const error = new Error('a')
    error.cause = new Error('b', { cause: error })
    expect((back(error) as Error).message).toBe('a')
  })

  it('may be no Error at all', () => {
    expect(back('thrown')).toBe('thrown')
  })
})
