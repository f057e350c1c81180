/**
 * What a tier does to values: it gives them back as they were, or not at all.
 */
import { AssertionError } from 'node:assert'
import { inspect } from 'node:util'
import type { EntryParts } from '../model/entry.ts'
import { equal, outcomeOf, type Plays } from './case.ts'
import { isSameValue } from './entries.ts'
import type { TierSubject } from './tier-subject.ts'

const plain: readonly unknown[] = [
  'text',
  '',
  'téxt 😀',
  'x'.repeat(400_000),
  0,
  -1.5,
  true,
  null,
  undefined,
  [1, [2, []]],
  { a: { b: ['c', null] }, d: {} },
]

/** Not all tiers can keep these. */
const special: readonly unknown[] = [
  Buffer.from([0, 1, 254, 255]),
  Buffer.alloc(300_000, 7),
  new Date(5),
  new Map([[1, new Set(['x'])]]),
  2n ** 70n,
  Number.NaN,
  { a: undefined, b: [undefined] },
  { send() {} },
]

const half = 'half a surrogate pair: \ud83d'
const halves: readonly unknown[] = [half, [half], new Map([[half, { [half]: 1 }]])]

const failures: readonly unknown[] = [
  new Error('no'),
  Object.assign(new RangeError('too far'), { code: 'E_FAR' }),
]

export const valuePlays: Plays<TierSubject> = {
  'gives back text, numbers and what is made of them': async ({ tier, entry }) => {
    for (const [i, value] of plain.entries()) await tier.put(entry(`k${i}`, { value }))
    for (const [i, value] of plain.entries()) {
      const got = await tier.get(`k${i}`)
      equal(`whether the entry with ${show(value)} is held`, got !== undefined, true)
      same(got as EntryParts, value)
    }
  },

  'gives no other value than was put: one that it cannot keep is not there, or refused': async (subject) => {
    for (const [i, value] of special.entries()) await putAndCompare(subject, { key: `k${i}`, value })
  },

  'gives text with half a surrogate pair in it as it was put, or not at all': async (subject) => {
    for (const [i, value] of halves.entries()) await putAndCompare(subject, { key: `k${i}`, value })
  },

  'gives a remembered error as the error that it was, or not at all': async (subject) => {
    for (const [i, value] of failures.entries()) {
      await putAndCompare(subject, { key: `k${i}`, value, kind: 'error' })
    }
  },
}

async function putAndCompare(
  { tier, entry }: TierSubject,
  { key, ...more }: Pick<EntryParts, 'key' | 'value'> & Partial<EntryParts>,
): Promise<void> {
  const put = await outcomeOf(() => tier.put(entry(key, more)))
  const got = await tier.get(key)
  if ('error' in put) equal(`get('${key}') when its put was refused`, got, undefined)
  if (got === undefined) return
  same(got, more.value)
  equal(`the kind of get('${key}')`, got.kind, more.kind ?? 'value')
}

function same({ key, value }: EntryParts, wanted: unknown): void {
  if (isSameValue(value, wanted)) return
  const message = `value of get('${key}'): expected ${show(wanted)}, got ${show(value)}`
  throw new AssertionError({ message, actual: value, expected: wanted, operator: 'is' })
}

function show(value: unknown): string {
  return inspect(value, { maxStringLength: 40, maxArrayLength: 10, breakLength: Infinity })
}
