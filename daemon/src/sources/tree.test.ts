import { expect, it } from 'vitest'
import { Tree } from './tree.ts'

const file = { isFolder: false, text: '1', changedAt: 0, isSure: true }
const folder = { isFolder: true, text: '2', changedAt: 0, isSure: true }

it('gives back what was put in, and counts it once', () => {
  const tree = new Tree()
  tree.set('/a/b', file)
  tree.set('/a/b', { ...file, text: '3' })
  expect(tree.get('/a/b')?.text).toBe('3')
  expect(tree.get('/a/c')).toBeUndefined()
  expect(tree.namesIn('/a')).toEqual(['b'])
  expect(tree.size).toBe(1)
})

it('removes a folder with all that is below it, the deepest first', () => {
  const tree = new Tree()
  tree.set('/a', folder)
  tree.set('/a/b', folder)
  tree.set('/a/b/c', file)
  tree.set('/ab', file)
  expect(tree.remove('/a').map(({ path }) => path)).toEqual(['/a/b/c', '/a/b', '/a'])
  expect(tree.get('/a/b/c')).toBeUndefined()
  expect(tree.size).toBe(1)
})

it('removes nothing that it does not have', () => {
  expect(new Tree().remove('/a')).toEqual([])
})
