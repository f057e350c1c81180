/**
 * Shared: thumbnails in the cache of the daemon, over HTTP, so that a gallery that starts anew finds them made.
 *
 *   ask -> 200: take it
 *       -> 404 with a token: make it, hand it in with the token and with what it was made from
 *
 * Invariant: the token is taken before the photo is read. A photo that changes in between is told to the daemon,
 * which then refuses what we hand in (409): an old thumbnail can never come back.
 */
import { thumbOf, type Thumb } from './thumb.ts'

export interface Shared {
  getOrMake(key: string, dependsOn: string, make: () => Promise<Thumb>): Promise<Thumb>
}

/** A daemon that takes longer is of no help. */
const patienceMs = 5000

export class DaemonShared implements Shared {
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  async getOrMake(key: string, dependsOn: string, make: () => Promise<Thumb>): Promise<Thumb> {
    const { bytes, token } = await this.ask(key)
    if (bytes !== undefined) return thumbOf(bytes)
    const thumb = await make()
    if (token !== undefined) await this.handIn(key, thumb.bytes, { token, dependsOn })
    return thumb
  }

  /** The bytes, or else the right to hand them in. Neither if the daemon is away: it is a help, not a need. */
  async ask(key: string): Promise<{ bytes?: Uint8Array<ArrayBuffer>; token?: string }> {
    const response = await this.#send(key)
    if (response?.ok) return { bytes: new Uint8Array(await response.arrayBuffer()) }
    await response?.body?.cancel()
    const token = response?.status === 404 ? response.headers.get('Staleproof-Token') : null
    return token === null ? {} : { token }
  }

  /** @returns the status of the answer: 201 if it was stored, 409 if it may be stale; undefined: daemon away */
  async handIn(
    key: string,
    bytes: Uint8Array<ArrayBuffer>,
    { token, dependsOn }: { token: string; dependsOn: string },
  ): Promise<number | undefined> {
    const query = new URLSearchParams({ dependsOn, policy: 'media' })
    const headers = { 'Content-Type': 'image/jpeg', 'Staleproof-Since': token }
    const response = await this.#send(key, query, { method: 'PUT', headers, body: bytes })
    await response?.body?.cancel()
    return response?.status
  }

  async #send(key: string, query = new URLSearchParams(), init: RequestInit = {}) {
    const url = new URL(`${this.#url}/v1/entries/${encodeURIComponent(`gallery/${key}`)}`)
    url.search = query.toString()
    const signal = AbortSignal.timeout(patienceMs)
    return fetch(url, { ...init, signal }).catch(() => undefined)
  }
}
