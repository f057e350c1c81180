/**
 * The case of a load that another node knows to be overtaken: wherever two nodes share a place.
 */
import { expect } from 'vitest'
import type { Cache } from '../src/cache/cache.ts'
import { gate } from './opened.ts'

/** Nothing that `b` makes from what `a` loaded is kept, until `b` looks at it anew. */
export async function keepsNothingOfAnOvertakenLoad(a: Cache, b: Cache): Promise<void> {
  const since = b.token()
  const [began, { passed, open }] = [gate(), gate()]
  const load = () => {
    began.open()
    return passed.then(() => 'old')
  }
  const list = a.getOrSet('list', load, { dependsOn: 'row' })
  await began.passed
  await b.invalidate('row')
  open()
  expect([await list, a.peek('list')]).toEqual(['old', undefined])
  const fill = (token: string) => b.fill('page', 'of the list', { since: token, dependsOn: 'list' })
  expect(await fill(since)).toMatchObject({ refused: 'invalidated' })
  expect(await fill(b.token())).toMatchObject({ stored: true })
}
