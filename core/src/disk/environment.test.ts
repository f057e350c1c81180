import { expect, it } from 'vitest'
import { directory } from '../../tests/directories.ts'
import { Environment } from './environment.ts'

function opened() {
  const environment = new Environment({ path: directory(), nowMs: 0 })
  const rows = environment.table<number>('rows', 'numbers')
  const keys = () => {
    environment.refresh()
    return [...rows.getKeys()]
  }
  const put = (key: number) => environment.transact(() => void rows.put(key, Buffer.from('x')))
  return { environment, rows, keys, put }
}

it('work of one tick is done in its order, and each gets its own result', async () => {
  const { environment, rows, keys } = opened()
  const seen: number[] = []
  const works = Array.from({ length: 600 }, (_, i) =>
    environment.transact(() => {
      seen.push(i)
      void rows.put(i, Buffer.from('x'))
      return [...rows.getKeys()].length
    }),
  )
  expect(await Promise.all(works)).toEqual(works.map((_, i) => i + 1))
  expect([seen, keys()]).toEqual([works.map((_, i) => i), works.map((_, i) => i)])
  await environment.close()
})

it('work that throws is undone, and nothing beside it', async () => {
  const { environment, rows, keys, put } = opened()
  const failing = environment.transact(() => {
    void rows.put(2, Buffer.from('x'))
    throw new Error('no')
  })
  const settled = await Promise.allSettled([put(1), failing, put(3)])
  expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(keys()).toEqual([1, 3])
  await environment.close()
})

it('what was asked for is written before it closes', async () => {
  const { environment, put } = opened()
  const path = environment.path
  const written = put(7)
  await environment.close()
  await written
  const again = new Environment({ path, nowMs: 0 })
  expect([...again.table<number>('rows', 'numbers').getKeys()]).toEqual([7])
  await again.close()
})
