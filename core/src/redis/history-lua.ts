/**
 * Scripts of the history, and what those of the queue share with them: records, and who is gone.
 *
 *   {prefix}:records   hash: id -> sealed bytes
 *   {prefix}:heads     hash: id -> status, place, time it is kept from, who has it under way, and, if that was put with the
 *                      record of the log, its position: n:generation; the last three may be empty
 *   {prefix}:places    sorted set of place and id, all of score 0: their bytes are their order
 *   {prefix}:ended     sorted set: id -> number in the order in which they were put as ended
 *   {prefix}:underway  sorted set of node, a zero byte and id, all of score 0
 *   {prefix}:counts    hash: the last numbers given out: place, ended, job
 *
 *   place: 16 digits of the time of the request, which sort as times do (places.ts), then 16 of the order of arrival
 *
 * Invariants: an id has one place, for good; each index says of a record what its head says; only what has ended is
 * dropped, what was put as ended first going first.
 * ARGV[1] of each script is the node that asks: it lives. Where a script puts a record, that is ARGV[3..10] (rowOf).
 */
import { script } from './driver.ts'
import { prelude } from './lua.ts'

/** A node that was not heard of for so long is gone. */
const goneMs = 10_000
/** Records that are dropped in one step: more than can be put in one. */
const trimMax = 10
/** Records, and bytes of them, that are told at once. */
export const pageMax = 200
const pageBytesMax = 1_000_000

/** For scripts of the queue too. */
export const records = `
local RECORDS, HEADS, PLACES = P .. ':records', P .. ':heads', P .. ':places'
local ENDED, UNDERWAY, COUNTS = P .. ':ended', P .. ':underway', P .. ':counts'

local function alive(node)
  redis.call('ZADD', SEEN, now(), node)
end

local function gone(node)
  local seen = redis.call('ZSCORE', SEEN, node)
  return not seen or tonumber(seen) < now() - ${goneMs}
end

-- Of a set of owner, zero byte and the rest: the first owner after that one, or nil.
local function ownerAfter(set, owner)
  local from = owner == '' and '-' or '(' .. owner .. '\\1'
  local first = redis.call('ZRANGEBYLEX', set, from, '+', 'LIMIT', 0, 1)[1]
  return first and string.match(first, '^([^%z]*)')
end

-- Of the same: the rest of some of an owner's, after that one.
local function ownedAfter(set, owner, after, count)
  local from = after == '' and '[' .. owner .. '\\0' or '(' .. owner .. '\\0' .. after
  local found = redis.call('ZRANGEBYLEX', set, from, '(' .. owner .. '\\1', 'LIMIT', 0, count)
  for i, member in ipairs(found) do found[i] = string.sub(member, #owner + 2) end
  return found
end

local function headOf(id)
  local text = redis.call('HGET', HEADS, id)
  if not text then return nil end
  local status, place, kept, node = string.match(text, '^(%l+) (%x+) (%S*) (%S*)')
  return status and { text = text, status = status, place = place, kept = tonumber(kept), node = node }
end

local function count(what)
  return redis.call('HINCRBY', COUNTS, what, 1)
end

local function keep(id, status, at, kept, node, bytes, position)
  local head = headOf(id)
  local place = head and head.place
  if not place then
    place = at .. string.format('%016d', count('place'))
    redis.call('ZADD', PLACES, 0, place .. id)
  elseif head.node ~= '' then
    redis.call('ZREM', UNDERWAY, head.node .. '\\0' .. id)
  end
  redis.call('HSET', RECORDS, id, bytes)
  redis.call('HSET', HEADS, id, table.concat({ status, place, kept, node, position }, ' '))
  if kept == '' then redis.call('ZREM', ENDED, id) else redis.call('ZADD', ENDED, count('ended'), id) end
  if node ~= '' then redis.call('ZADD', UNDERWAY, 0, node .. '\\0' .. id) end
end

-- With the record of the log, whose position it gets: unless it has ended.
local function keepUnderWay(id, at, node, bytes, position)
  local head = headOf(id)
  if head and head.status ~= 'pending' and head.status ~= 'running' then return end
  keep(id, 'running', at, '', node, bytes, position)
end

-- Drops what was kept from before that time, or is one too many.
local function trim(since, most)
  local surplus = redis.call('ZCARD', ENDED) - most
  for _, id in ipairs(redis.call('ZRANGE', ENDED, 0, ${trimMax - 1})) do
    local head = headOf(id)
    if head and surplus <= 0 and (head.kept or since) >= since then break end
    if head then redis.call('ZREM', PLACES, head.place .. id) end
    redis.call('ZREM', ENDED, id)
    redis.call('HDEL', HEADS, id)
    redis.call('HDEL', RECORDS, id)
    surplus = surplus - 1
  end
end

local function keepGiven()
  keep(ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8])
  trim(tonumber(ARGV[9]), tonumber(ARGV[10]))
end
`

/** ARGV[2]: statuses, each between commas; '' for any. */
export const putScript = script(
  prelude,
  records,
  `
alive(ARGV[1])
local head = ARGV[2] ~= '' and headOf(ARGV[3])
if head and not string.find(ARGV[2], ',' .. head.status .. ',', 1, true) then return 0 end
keepGiven()
return 1
`,
)

/** ARGV[2..4]: from, and to before, which place; how many. @returns whether that is all, then place with id, and bytes, of each */
export const pageScript = script(
  prelude,
  records,
  `
local found = redis.call('ZREVRANGEBYLEX', PLACES, ARGV[3], ARGV[2], 'LIMIT', 0, ARGV[4])
local reply, bytes = { #found < tonumber(ARGV[4]) and 1 or 0 }, 0
for i, member in ipairs(found) do
  local record = redis.call('HGET', RECORDS, string.sub(member, 33)) or ''
  bytes = bytes + #record
  if bytes > ${pageBytesMax} and i > 1 then
    reply[1] = 0
    break
  end
  reply[#reply + 1] = member
  reply[#reply + 1] = record
end
return reply
`,
)

/** ARGV[2..3]: the node and the id to go on after. @returns node, id, head and bytes of some that the gone had under way */
export const cutOffScript = script(
  prelude,
  records,
  `
alive(ARGV[1])
local node, after, reply = ARGV[2], ARGV[3], {}
if node == '' then node = ownerAfter(UNDERWAY, '') end
while node and #reply == 0 do
  local ids = gone(node) and ownedAfter(UNDERWAY, node, after, ${pageMax}) or {}
  for _, id in ipairs(ids) do
    for _, each in ipairs({ node, id, redis.call('HGET', HEADS, id), redis.call('HGET', RECORDS, id) }) do
      reply[#reply + 1] = each
    end
  end
  node, after = ownerAfter(UNDERWAY, node), ''
end
return reply
`,
)

/** ARGV[2]: the head that it had; ARGV[11] who had it under way. */
export const endScript = script(
  prelude,
  records,
  `
alive(ARGV[1])
if redis.call('HGET', HEADS, ARGV[3]) ~= ARGV[2] or not gone(ARGV[11]) then return 0 end
keepGiven()
return 1
`,
)
