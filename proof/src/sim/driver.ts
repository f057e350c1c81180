/**
 * What the library's own queue, history and turns ask a server through (redis/driver.ts), as far as the simulation knows it;
 * and how the cache is called there.
 */
export type Argument = string | Buffer
/** As the library's own contract of a client has it (redis/driver.ts). */
export type Reply = Buffer | number | null | readonly Reply[]
export type Given = string | number | Uint8Array

export interface Script {
  readonly sha: string
}

/** As the library's own contract of a client has it. */
export interface Driver {
  readonly prefix: string
  readonly isConnected: boolean
  run(script: Script, args: readonly Given[]): Promise<Reply>
  call(command: string, key: string, ...args: readonly Given[]): Promise<Reply>
  wait(limitMs: number, command: string, ...args: readonly Given[]): Promise<Reply>
  onConnect(listener: () => void): void
  close(): Promise<void>
}

export const cacheName = 'sim'
export const prefix = `{${cacheName}}`
