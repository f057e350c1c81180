/**
 * Whatever a declaration of a door mentions can be named: it is exported by that door, or by `staleproof` itself.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

const doors = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.txt'))

/** Names that a snapshot declares as exported, and as mentioned only. */
function namesOf(door: string): readonly [exported: string[], mentioned: string[]] {
  const [exported = '', mentioned = ''] = readFileSync(`${import.meta.dirname}/${door}`, 'utf8').split(
    '// mentioned',
  )
  return [declared(exported), declared(mentioned)]
}

function declared(text: string): string[] {
  const declaration =
    /^(?:export )?(?:declare )?(?:abstract )?(?:interface|type|class|function|const) (\w+)/gm
  return [...text.matchAll(declaration)].map(([, name]) => name as string)
}

it.each(doors)('%s mentions nothing that cannot be named', (door) => {
  const [main] = namesOf('index.txt')
  const [exported, mentioned] = namesOf(door)
  expect(exported.length).toBeGreaterThan(0)
  expect(mentioned.filter((name) => !main.includes(name) && !exported.includes(name))).toEqual([])
})
