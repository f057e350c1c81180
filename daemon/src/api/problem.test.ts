import { readFileSync } from 'node:fs'
import { StaleproofError } from 'staleproof'
import { describe, expect, test } from 'vitest'
import { kinds, problemOf } from './problem.ts'

const where = { instance: '/v1/entries/a', requestId: 'r' }

describe('the problem of an error', () => {
  test('says what the error says, and shows only the details that are meant to be', () => {
    const details = { refused: 'invalidated', value: 'inside' }
    const error = new StaleproofError('E_FILL_REFUSED', 'load it again', { details })
    expect(problemOf(error, where)).toEqual({
      type: 'urn:staleproof:problem:E_FILL_REFUSED',
      title: 'What was loaded has been invalidated since',
      status: 409,
      detail: 'load it again',
      code: 'E_FILL_REFUSED',
      ...where,
      refused: 'invalidated',
    })
  })

  test.each([
    ['a code of no meaning over HTTP', new StaleproofError('E_LOG_DAMAGED', '/secret/path')],
    ['an error of somebody else', new TypeError('/secret/path')],
    ['no error at all', '/secret/path'],
  ])('keeps to itself what %s says', (_, error) => {
    const problem = problemOf(error, where)
    expect(problem.status).toBe(500)
    expect(JSON.stringify(problem)).not.toContain('secret')
  })
})

test('the page of the HTTP API lists every code under its status', () => {
  const page = readFileSync(new URL('../../../docs/http-api.md', import.meta.url), 'utf8')
  const rows = [...page.matchAll(/^\| (\d{3}) \| (`E_.*) \|$/gm)]
  const listed = rows.flatMap(([, status, codes]) =>
    [...(codes ?? '').matchAll(/E_\w+/g)].map(([code]) => [code, Number(status)] as const),
  )
  expect(Object.fromEntries(listed)).toEqual(
    Object.fromEntries(Object.entries(kinds).map(([code, [status]]) => [code, status])),
  )
})
