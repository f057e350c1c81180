import { expect, it, vi } from 'vitest'
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

/** What LMDB offers for reading, as its own text has it, and the error with which it says that a page is lost. */
interface Lmdb {
  getBinaryFast(): unknown
  getRange(options: object): { iterate(): { next(): unknown } }
}
const lost = Object.assign(new Error('MDB_PAGE_NOTFOUND: Requested page not found'), { code: -30797 })
const throwLost = () => {
  throw lost
}

it('what LMDB says when a table cannot be read is E_DISK_DAMAGED, however it is read', async () => {
  const { environment, rows } = opened()
  const lmdb = Object.getPrototypeOf(rows) as Lmdb
  const { getRange } = lmdb
  vi.spyOn(lmdb, 'getBinaryFast').mockImplementation(throwLost)
  const ranges = vi.spyOn(lmdb, 'getRange')
  ranges.mockImplementation(() => ({ iterate: throwLost }))
  const table = environment.table<number>('others', 'numbers')
  const damaged = expect.objectContaining({ code: 'E_DISK_DAMAGED', cause: lost })
  const thrownBy = (read: () => unknown) => {
    try {
      return read()
    } catch (error) {
      return error
    }
  }
  expect(thrownBy(() => table.get(1))).toEqual(damaged)
  expect(thrownBy(() => table.getBinaryFast(1))).toEqual(damaged)
  expect(thrownBy(() => table.doesExist(1))).toEqual(damaged)
  expect(thrownBy(() => table.getCount())).toEqual(damaged)
  ranges.mockImplementation(function (this: Lmdb, options) {
    const range = getRange.call(this, options)
    range.iterate = () => ({ next: throwLost })
    return range
  })
  expect(thrownBy(() => [...table.getRange({ limit: 1 })])).toEqual(damaged)
  expect(thrownBy(() => [...table.getKeys({ limit: 1 })])).toEqual(damaged)
  await environment.close()
})
