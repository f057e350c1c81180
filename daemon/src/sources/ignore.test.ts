import { describe, expect, it } from 'vitest'
import { ignorer } from './ignore.ts'

const isLeftOut = (path: string, ...globs: string[]) => ignorer('/photos', globs)(`/photos/${path}`)

describe('by default', () => {
  it.each([
    '.git',
    'a/.git/config',
    'node_modules',
    'a.tmp',
    'b/c.part',
    '.a.jpg.swp',
    'a.jpg~',
    '.#a',
    '4913',
  ])('leaves out %s', (path) => {
    // The watcher asks for a folder before it asks for what is inside.
    const steps = path.split('/').map((_, index, all) => all.slice(0, index + 1).join('/'))
    expect(steps.some((step) => isLeftOut(step))).toBe(true)
  })

  it.each(['a.jpg', '.hidden', 'tmp', 'a/b/c.txt', 'git'])('keeps %s', (path) => {
    expect(isLeftOut(path)).toBe(false)
  })
})

describe('a glob', () => {
  it('without a slash matches a name at any depth', () => {
    expect(isLeftOut('a/b/c.raw', '*.raw')).toBe(true)
  })

  it('with a slash is relative to the folder', () => {
    expect(isLeftOut('thumbs/a.jpg', 'thumbs/*')).toBe(true)
    expect(isLeftOut('b/thumbs/a.jpg', 'thumbs/*')).toBe(false)
    expect(isLeftOut('b/c/a.raw', '**/c/*.raw')).toBe(true)
    expect(isLeftOut('b/cache', '/cache')).toBe(false)
    expect(isLeftOut('cache', '/cache')).toBe(true)
    expect(isLeftOut('b/cache', 'cache/')).toBe(true)
  })

  it('that begins with ! takes back in', () => {
    expect(isLeftOut('a.tmp', '!*.tmp')).toBe(false)
    expect(isLeftOut('a.tmp', '!*.tmp', 'a.*')).toBe(true)
  })
})

it('never leaves out the folder itself, nor what is outside', () => {
  const isIgnored = ignorer('/a.tmp', [])
  expect(isIgnored('/a.tmp')).toBe(false)
  expect(isIgnored('/b.tmp')).toBe(false)
})
