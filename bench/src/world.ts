/**
 * The world that is measured in: 10,000 keys, each with a value of about 100 B.
 */

export interface User {
  readonly id: number
  readonly name: string
  readonly text: string
}

export const keyCount = 10_000

/** About 100 B as JSON. */
export function userOf(id: number): User {
  return { id, name: `user ${id}`, text: `${id} `.padEnd(64, 'abcdefgh') }
}

/** 10,000 keys in a scattered order that is the same in every run: 7,919 has no factor in common with 10,000. */
export const keys: readonly string[] = Array.from(
  { length: keyCount },
  (_, place) => `user:${(place * 7919) % keyCount}`,
)

export function keyAt(place: number): string {
  return keys[place % keyCount] as string
}

/** The truth; so slow that whoever waits for it shows. */
export async function load(key: string): Promise<User> {
  return Promise.resolve(userOf(Number(key.slice(key.indexOf(':') + 1))))
}

export function fail(what: string): never {
  throw new Error(`this benchmark does not measure what it says: ${what}`)
}
