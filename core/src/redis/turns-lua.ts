/**
 * Scripts of the turns.
 *
 *   {prefix}:turn:{id of the key}   the node that loads it; gone when its time ran out
 */
import { script } from './driver.ts'

/** Takes it, or renews it. ARGV: id of the key, node, ms. */
export const takeScript = script(`
local turn = KEYS[1] .. ':turn:' .. ARGV[1]
local node = redis.call('GET', turn)
if node and node ~= ARGV[2] then return 0 end
redis.call('SET', turn, ARGV[2], 'PX', ARGV[3])
return 1
`)

/** ARGV: id of the key, node. */
export const releaseScript = script(`
local turn = KEYS[1] .. ':turn:' .. ARGV[1]
if redis.call('GET', turn) == ARGV[2] then return redis.call('DEL', turn) end
return 0
`)
