/** Servers to test and measure on. */
export { ask } from './ask.ts'
export { RedisServer, startRedis } from './redis.ts'
export type { Settings } from './redis.ts'
export { freePort, isInstalled, kill, launch, newPlace } from './server.ts'
export type { Place, Server, ServerProgram } from './server.ts'
export { startTls } from './tls.ts'
export type { TlsServer } from './tls.ts'
export { until } from './until.ts'
