/**
 * The door `staleproof/redis`: entries, log, queue and history that many machines share, on Redis or Valkey.
 */
export { redis } from './redis/backing.ts'
export type { RedisOptions } from './redis/backing.ts'
export { redisConnection } from './redis/shared.ts'
export type { RedisConnection } from './redis/shared.ts'
export type { ConnectionOptions } from './redis/client.ts'
