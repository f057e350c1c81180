/**
 * A MapTier that tells what it was asked for, answers a `get` when the test lets it, and fails in parts.
 */
import type { EntryParts } from '../src/model/entry.ts'
import { MapTier } from './map-tier.ts'
import type { Gate } from './opened.ts'

export class AskedTier extends MapTier {
  readonly asked: string[] = []
  gate: Gate<void> | undefined
  /** What a `delete` fails with, while set. */
  deleteFailure: Error | undefined
  /** What a `put` fails with, while set. */
  putFailure: Error | undefined

  override async get(key: string): Promise<EntryParts | undefined> {
    this.asked.push(`get ${key}`)
    await this.gate?.passed
    return super.get(key)
  }

  override put(entry: EntryParts): Promise<void> {
    this.asked.push(`put ${entry.key}`)
    return this.putFailure === undefined ? super.put(entry) : Promise.reject(this.putFailure)
  }

  override delete(keys: readonly string[]): Promise<number> {
    this.asked.push(`delete ${keys.join(' ')}`)
    return this.deleteFailure === undefined ? super.delete(keys) : Promise.reject(this.deleteFailure)
  }

  override held(keys: readonly string[]): Promise<readonly EntryParts[]> {
    this.asked.push(`held ${keys.join(' ')}`)
    return super.held(keys)
  }

  override dependents(names: readonly string[]): Promise<readonly string[]> {
    this.asked.push(`dependents ${names.join(' ')}`)
    return super.dependents(names)
  }

  override withPrefix(prefix: string): Promise<readonly string[]> {
    this.asked.push(`withPrefix ${prefix}`)
    return super.withPrefix(prefix)
  }

  take(): string[] {
    return this.asked.splice(0)
  }
}
