import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { TestClock } from '../../tests/clock.ts'
import { directory, nodeId } from '../../tests/directories.ts'
import { ownLife } from './life.ts'
import { isFree, Nodes } from './nodes.ts'
import { openTail } from './tail.ts'

const told: string[] = []

function node(path: string, name: string, clock = new TestClock()): Nodes {
  const onError = (_error: unknown, during: string) => told.push(during)
  const id = nodeId(name)
  const nodes = new Nodes({ directory: path, tail: openTail(path), clock, id, onError })
  nodes.join()
  return nodes
}

it('who stood still, and was taken for gone, is there again', async () => {
  const path = directory()
  const clock = new TestClock()
  const nodes = node(path, 'a', clock)
  rmSync(join(path, 'nodes', nodeId('a')))
  await clock.advance(5000)
  expect(readdirSync(join(path, 'nodes'))).toEqual([nodeId('a')])
  nodes.leave()
  expect(readdirSync(join(path, 'nodes'))).toEqual([])
})

it('who lives is never taken for gone, who died is, and who cannot be seen is when it is late', () => {
  const path = directory()
  const clock = new TestClock()
  const nodes = node(path, 'a', clock)
  const own = ownLife()
  const write = (id: string, life: object, ageMs = 0) => {
    const file = join(path, 'nodes', nodeId(id))
    writeFileSync(file, JSON.stringify({ ...own, ...life }))
    const at = new Date(clock.now() - ageMs)
    utimesSync(file, at, at)
  }
  write('same', {}, 3_600_000)
  write('reused', { startTick: 1 })
  write('rebooted', { boot: 'another' })
  write('elsewhere', { space: 'another' }, 29_000)
  write('late', { space: 'another' }, 31_000)
  const all = ['a', 'same', 'reused', 'rebooted', 'elsewhere', 'late', 'unknown']
  expect(all.filter((id) => nodes.isGone(nodeId(id)))).toEqual(['reused', 'rebooted', 'late', 'unknown'])
  const other = node(path, 'b')
  expect(new Set(readdirSync(join(path, 'nodes')))).toEqual(
    new Set(['a', 'b', 'same', 'elsewhere'].map(nodeId)),
  )
  expect(other.others()).toBe(3)
})

it('who cannot be looked at now may live', () => {
  const path = directory()
  const nodes = node(path, 'a')
  mkdirSync(join(path, 'nodes', nodeId('unreadable')))
  expect([nodes.isGone(nodeId('unreadable')), nodes.others()]).toEqual([false, 1])
  nodes.leave()
  expect(isFree(path, 0)).toBe(false)
  rmSync(join(path, 'nodes'), { recursive: true })
  expect(isFree(path, 0)).toBe(true)
  writeFileSync(join(path, 'nodes'), 'in the way')
  expect(() => isFree(path, 0)).toThrow('ENOTDIR')
})

it('who cannot tell others that it lives says so here, and tells them when it can', async () => {
  const path = directory()
  const clock = new TestClock()
  const nodes = node(path, 'a', clock)
  rmSync(join(path, 'nodes'), { recursive: true })
  told.length = 0
  await clock.advance(5000)
  expect(told).toEqual(['telling others that this process lives'])
  mkdirSync(join(path, 'nodes'))
  await clock.advance(5000)
  expect([readdirSync(join(path, 'nodes')), told.length]).toEqual([[nodeId('a')], 1])
  nodes.leave()
})

it('who has ended is gone, though nobody has taken note of it', async () => {
  const path = directory()
  const nodes = node(path, 'a')
  // The shell becomes a program that takes no note of the child it has.
  const shell = spawn('sh', ['-c', 'sleep 0.01 & echo $!; exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [said] = (await once(shell.stdout, 'data')) as [Buffer]
  const pid = Number(said.toString())
  const stat = () => readFileSync(`/proc/${pid}/stat`, 'latin1')
  const startTick = Number(
    stat()
      .slice(stat().lastIndexOf(')') + 2)
      .split(' ')[19],
  )
  writeFileSync(join(path, 'nodes', nodeId('ended')), JSON.stringify({ ...ownLife(), pid, startTick }))
  await expect.poll(() => / Z /.test(stat())).toBe(true)
  expect(nodes.isGone(nodeId('ended'))).toBe(true)
  shell.kill()
})

describe('who died', () => {
  const isMeant = (id: string) => id === nodeId('b')
  const ends = {
    'killed, so that its file stays': (path: string) =>
      writeFileSync(join(path, 'nodes', nodeId('b')), JSON.stringify({ ...ownLife(), startTick: 1 })),
    'with its file': (path: string) => rmSync(join(path, 'nodes', nodeId('b'))),
  }

  it.each(Object.entries(ends))('%s, is told of 50 ms after it was last seen, at most', async (_how, die) => {
    const path = directory()
    const clock = new TestClock()
    const [nodes] = [node(path, 'a', clock), node(path, 'b')]
    expect(nodes.areGone(isMeant)).toBe(false)
    die(path)
    await clock.advance(49)
    // Whoever asks meanwhile does not make it be seen for longer.
    expect(nodes.areGone(isMeant)).toBe(false)
    await clock.advance(1)
    expect([nodes.areGone(isMeant), nodes.areGone(() => true)]).toEqual([true, false])
  })

  it('is told of at once if it was not seen to live', () => {
    const path = directory()
    const [nodes] = [node(path, 'a'), node(path, 'b')]
    ends['with its file'](path)
    expect(nodes.areGone(isMeant)).toBe(true)
  })
})
