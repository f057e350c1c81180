/**
 * The clients of Redis that a program would choose from, each asked in the way that costs it least: replies as bytes,
 * commands by their name.
 */
import { Redis } from 'ioredis'
import { createClient, RESP_TYPES } from 'redis'

export type Reply = Buffer | number | null | readonly Reply[]

export interface Client {
  call(...command: readonly (string | Buffer)[]): Promise<Reply>
  close(): void
}

/** Name -> how it is opened. */
export const clients: Readonly<Record<string, (port: number) => Promise<Client>>> = {
  'ioredis 6': (port) => openIoredis(port),
  // As our driver has it: each call is given up in time, and a connection that went silent too. (After longer here: 64
  // values of 1 MB that are decoded in a row may hold up the last of them for two seconds.)
  'ioredis 6, with time limits': (port) =>
    openIoredis(port, { commandTimeout: 20_000, socketTimeout: 20_000 }),
  'node-redis 6': openNodeRedis,
}

async function openIoredis(port: number, limits = {}): Promise<Client> {
  const redis = new Redis({ port, host: '127.0.0.1', protocol: 2, lazyConnect: true, ...limits })
  await redis.connect()
  return {
    call: (command, ...args) => redis.callBuffer(command as string, args) as Promise<Reply>,
    close: () => redis.disconnect(),
  }
}

async function openNodeRedis(port: number): Promise<Client> {
  const redis = createClient({ RESP: 2, socket: { port, host: '127.0.0.1' } })
  redis.on('error', () => undefined)
  await redis.connect()
  const bytes = redis.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer })
  return {
    call: (...command) => bytes.sendCommand(command) as unknown as Promise<Reply>,
    close: () => redis.destroy(),
  }
}
