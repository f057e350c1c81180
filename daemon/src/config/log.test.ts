import { stripVTControlCharacters } from 'node:util'
import { expect, it } from 'vitest'
import { readable } from './log.ts'

const line = (more: object) =>
  JSON.stringify({ level: 40, time: '2026-01-31T12:30:05.000Z', pid: 1, ...more })

it('makes a line of JSON readable', () => {
  const text = readable(line({ folder: '/a b', code: 'E_X', msg: 'look out' }))
  expect(stripVTControlCharacters(text)).toBe('12:30:05 warn  look out folder="/a b" code=E_X\n')
})

it('keeps the stack of an error', () => {
  const text = readable(
    line({ level: 50, msg: 'no', err: { message: 'why', stack: 'Error: why\n    at x' } }),
  )
  expect(stripVTControlCharacters(text)).toBe('12:30:05 error no\nError: why\n    at x\n')
})
