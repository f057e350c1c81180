/**
 * Bringing: values that somebody brings, and no loader of this cache made.
 *
 *   set    announce that the key changed -> keep -> if strict: until nobody can be served what was there before
 *   fill   keep, unless something it was made from was invalidated since the token
 */
import { Flight } from '../loading/flight.ts'
import type { Judge } from '../log/judge.ts'
import type { Log } from '../log/contract.ts'
import { consistencies, type NodeOutcome } from '../model/invalidation.ts'
import { checkKnown, checkObject, oneOf } from '../model/known.ts'
import { checkName } from '../model/name.ts'
import { parseToken, tokenOf, type Position } from '../model/position.ts'
import { setOptions, storeOptions, type SetOptions, type StoreOptions } from '../model/store.ts'
import type { Policies } from '../ttl/policies.ts'
import { refusalOf, type FillResult, type SetResult } from './answers.ts'
import type { Writer } from './writer.ts'

export interface BringingParts {
  /** Whose flights they are. */
  readonly owner: object
  readonly log: Log
  readonly judge: Judge
  readonly policies: Policies
  readonly writer: Writer
}

type FillOptions = StoreOptions & { readonly since: string }
const fillOptions: readonly (keyof FillOptions)[] = [...storeOptions, 'since']

export class Bringing {
  readonly #parts: BringingParts

  constructor(parts: BringingParts) {
    this.#parts = parts
  }

  /** What may have been lost with the tail of the log is brought once more. */
  async set(key: string, value: unknown, options: SetOptions): Promise<SetResult> {
    checkKnown(options, setOptions, 'set')
    const { consistency, ...store } = options
    const policy = this.#parts.policies.get(options.policy)
    const code = 'E_CONSISTENCY_UNKNOWN'
    const waits = oneOf(consistency ?? policy.consistency, consistencies, ['consistency', code]) === 'strict'
    for (;;) {
      const result = await this.#set(key, value, store)
      const nodes = waits ? await this.#everywhere(result.position) : []
      if (nodes !== undefined) return { ...result, nodes }
    }
  }

  async fill(key: string, value: unknown, options: FillOptions): Promise<FillResult> {
    const { judge, log } = this.#parts
    checkObject(options, 'fill')
    checkKnown(options, fillOptions, 'fill')
    const since = parseToken(options.since)
    const { flight, keep } = await this.#accept(key, value, { ...since, options })
    log.catchUp()
    const isKnown = since.generation === log.generation && since.n <= log.applied
    if (!isKnown || since.n < judge.ledger.low)
      return { stored: false, refused: 'unknown-token', expiresAt: null }
    const { refused, expiresAt } = await this.#parts.writer.keep(flight, keep)
    return { stored: refused === null, refused: refusalOf(refused), expiresAt }
  }

  async #set(key: string, value: unknown, options: StoreOptions): Promise<Omit<SetResult, 'nodes'>> {
    const { judge, log, writer } = this.#parts
    const { applied: n, generation } = log
    const { flight, keep } = await this.#accept(key, value, { n, generation, options })
    const { told, position } = await writer.change(flight)
    const { refused, expiresAt } = await writer.keep(flight, keep, told)
    const superseded = refused === 'doomed' && judge.verdict(flight.withoutDependencies()) !== undefined
    return {
      stored: refused === null,
      refused: superseded ? 'superseded' : refusalOf(refused),
      position,
      token: tokenOf(position),
      expiresAt,
    }
  }

  async #everywhere(position: Position): Promise<readonly NodeOutcome[] | undefined> {
    const { membership } = this.#parts.log
    return membership === undefined ? [] : membership.everywhere(position)
  }

  /** A load that somebody else did: its dependencies are those that the options name. */
  async #accept(
    key: string,
    value: unknown,
    { n: stamp, generation, options }: Position & { options: StoreOptions },
  ) {
    checkName(key, 'key')
    const { owner, policies, writer } = this.#parts
    const flight = new Flight({ key, stamp, generation, owner, parent: undefined })
    writer.declare(flight, options)
    const policy = policies.get(options.policy)
    return { flight, keep: await writer.accept(flight, { value, options, policy }) }
  }
}
