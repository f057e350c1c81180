/**
 * The library's client of Redis, which has no door of its own: from the built files, with what the proof asks of it.
 */

export interface Client {
  readonly isConnected: boolean
  call(command: string, key: string, ...args: readonly (string | number)[]): Promise<unknown>
  wait(limitMs: number, command: string, ...args: readonly (string | number)[]): Promise<unknown>
  close(): Promise<void>
}

type ClientClass = new (options: { url: string }, prefix: string, around: unknown) => Client

export async function openClient(url: string): Promise<Client> {
  const built = new URL('.', import.meta.resolve('staleproof'))
  const load = (file: string): Promise<unknown> => import(/* @vite-ignore */ new URL(file, built).href)
  const { RedisClient } = (await load('redis/client.js')) as { RedisClient: ClientClass }
  const { systemClock, systemRandom } = (await load('model/clock.js')) as {
    systemClock: () => unknown
    systemRandom: unknown
  }
  return new RedisClient({ url }, 'proof', { clock: systemClock(), random: systemRandom })
}
