/**
 * What every log promises.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Apply, Log, LogRecord } from '../../src/log/contract.ts'

/** @param outlives true for a log that is the same, and knows what was in it, when it is opened again */
export function logSuite(
  name: string,
  { open, outlives = false }: { open: (apply: Apply) => Log; outlives?: boolean },
): void {
  describe(`the log ${name}`, () => {
    it('gives each record the next position, and has applied it when append resolves', async () => {
      const applied: LogRecord[] = []
      const log = open((record) => applied.push(record))
      for (let n = 1; n <= 3; n++) {
        const position = await log.append({ kind: 'invalidate', names: [`a${n}`], by: `id${n}` })
        expect(position).toEqual({ generation: log.generation, n })
        expect(applied.at(-1)).toMatchObject({ kind: 'invalidate', names: [`a${n}`], by: `id${n}`, n })
        expect(log.applied).toBe(n)
      }
      await log.close()
    })

    it('applies records wholly, in order and once, however many are appended at once', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(fc.string(), { minLength: 1 }), { maxLength: 20 }),
          async (all) => {
            const applied: LogRecord[] = []
            const log = open((record) => applied.push(record))
            const positions = await Promise.all(all.map((names) => log.append({ kind: 'change', names })))
            expect(applied.map(({ n }) => n)).toEqual(all.map((_, i) => i + 1))
            for (const [i, names] of all.entries()) {
              expect(applied[(positions[i]?.n ?? 0) - 1]?.names).toEqual(names)
            }
            await log.close()
          },
        ),
      )
    })

    it('has moved on before it applies: what is made stale must find the record behind it', async () => {
      const seen: number[] = []
      const log: Log = open((record) => seen.push(log.applied - record.n))
      await log.append({ kind: 'invalidate', names: ['a'] })
      expect(seen).toEqual([0])
      await log.close()
    })

    it('calls back right before a record of its own is applied, when those before it have been', async () => {
      const seen: string[] = []
      const log = open(({ n }) => seen.push(`applied ${n}`))
      const append = (name: string) => {
        return log.append({ kind: 'change', names: [name] }, (n) => seen.push(`${name} before ${n}`))
      }
      await Promise.all([append('a'), append('b')])
      expect(seen).toEqual(['a before 1', 'applied 1', 'b before 2', 'applied 2'])
      await log.close()
    })

    if (outlives) return

    it('is another generation each time it is opened', async () => {
      const [one, other] = [open(() => undefined), open(() => undefined)]
      expect(one.generation).not.toBe(other.generation)
      await Promise.all([one.close(), other.close()])
    })
  })
}
