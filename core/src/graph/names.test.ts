import { expect, test } from 'vitest'
import { Names } from './names.ts'

test('a name keeps its id, and a released id goes to the next new name', () => {
  const names = new Names()
  const [a, b] = [names.intern('a'), names.intern('b')]
  expect([names.intern('a'), names.intern('b')]).toEqual([a, b])
  names.release(a)
  expect(names.idOf('a')).toBe(-1)
  expect(names.intern('c')).toBe(a)
  expect(names.nameOf(a)).toBe('c')
  expect([names.size, names.capacity]).toEqual([2, 2])
})

test('a claimed id has no name, and is used again after its release', () => {
  const names = new Names()
  const id = names.claim()
  expect(names.textOf(id)).toBeUndefined()
  expect([names.size, names.startingWith('')]).toEqual([0, []])
  names.release(id)
  expect(names.intern('a')).toBe(id)
})

test('names such as those of object properties are names like any other', () => {
  const names = new Names()
  expect(names.idOf('__proto__')).toBe(-1)
  expect(names.nameOf(names.intern('__proto__'))).toBe('__proto__')
})

test('a snapshot means what its ids meant, whatever they mean now', () => {
  const names = new Names()
  const ids = Int32Array.from([names.intern('a'), names.intern('b')])
  const first = names.snapshot(ids)
  const second = names.snapshot(ids)
  names.release(ids[0] as number)
  names.intern('c')
  expect([first.at(0), first.at(1), second.at(0), second.at(1)]).toEqual(['a', 'b', 'a', 'b'])
  expect(names.snapshot(ids).at(0)).toBe('c')
})
