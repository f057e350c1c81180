/**
 * Scripts of the queue.
 *
 *   {prefix}:jobs      hash: id -> sealed bytes
 *   {prefix}:seats     hash: id -> number, revision, strategy, rank, time it is due, stand, runs, holder
 *   {prefix}:order     sorted set: id -> number, in the order in which they were added
 *   {prefix}:lane:s, {prefix}:putoff:s, {prefix}:early:s   sorted sets of number and id, for each strategy s: those that
 *                      wait by their rank; those that wait for a time: put off, or early
 *   {prefix}:claims    sorted set of holder, a zero byte, number and id, all of score 0
 *   {prefix}:damaged   hash: number and id -> bytes of a job that are not what was written, for people; no more than damagedMax
 *
 *   holder: node, '#', number of the handle in its process; runs: how many are begun, if the holder has begun one
 *
 * Invariants: a job stands in exactly one of a lane, those put off, those that are early, and those claimed, and its seat
 * says where; a seat's text is never the same after a change, so that whoever has seen it knows whether it holds still;
 * a claim is taken away by its holder only, or when its node is gone.
 * ARGV[1] of each script is the node that asks, ARGV[2] its holder, ARGV[3..10] the record, if it puts one.
 */
import { roomyScript, script } from './driver.ts'
import { records } from './history-lua.ts'
import { prelude } from './lua.ts'

/** Jobs that are moved, or told of, in one step, and bytes of them. */
export const sliceMax = 200
const sliceBytesMax = 1_000_000
/** Damaged jobs whose bytes are kept. All are told of. */
const damagedMax = 1000

const seats = `
local JOBS, SEATS, ORDER, CLAIMS = P .. ':jobs', P .. ':seats', P .. ':order', P .. ':claims'
local STRATEGIES = { 'scheduled', 'background' }
-- Rank of a job whose seat says nothing: whoever claims next meets it, and puts it aside.
local UNKNOWN = '-1e300'

alive(ARGV[1])

local function size()
  return redis.call('ZCARD', ORDER)
end

-- Nil if there is none, or if it says nothing.
local function seatOf(id)
  local text = redis.call('HGET', SEATS, id)
  if not text then return nil end
  local s = { text = text, id = id }
  s.n, s.revision, s.strategy, s.rank, s.due, s.stand, s.runs, s.holder =
    string.match(text, '^(%d+) (%d+) (%l+) (%S+) (%S+) (%l+) (%d*) (.*)$')
  return s.n and s
end

-- The seat, if it is still what somebody has seen.
local function seatAsSeen(id, text)
  local s = seatOf(id)
  return s and s.text == text and s
end

local function isGone(holder)
  return gone(string.match(holder, '^(.*)#%d+$') or holder)
end

local function seatHeld(id, holder)
  local s = seatOf(id)
  return s and s.stand == 'claimed' and s.holder == holder and s
end

local function rise(s)
  if s.stand == 'claimed' then return redis.call('ZREM', CLAIMS, s.holder .. '\\0' .. s.n .. s.id) end
  redis.call('ZREM', P .. ':' .. s.stand .. ':' .. s.strategy, s.n .. s.id)
end

local function sit(s, stand, holder, runs)
  s.stand, s.holder, s.runs = stand, holder or '', runs or ''
  s.text = table.concat(
    { s.n, string.format('%d', s.revision + 1), s.strategy, s.rank, s.due, stand, s.runs, s.holder }, ' ')
  redis.call('HSET', SEATS, s.id, s.text)
  if stand == 'claimed' then return redis.call('ZADD', CLAIMS, 0, holder .. '\\0' .. s.n .. s.id) end
  redis.call('ZADD', P .. ':' .. stand .. ':' .. s.strategy, stand == 'lane' and s.rank or s.due, s.n .. s.id)
end

-- The first holder after that one whose node is gone.
local function goneAfter(holder)
  repeat holder = ownerAfter(CLAIMS, holder) until not holder or isGone(holder)
  return holder
end

-- A claim that no seat knows of. What is left of the job is met by whoever claims next.
local function unclaim(holder, member)
  local id = string.sub(member, 17)
  redis.call('ZREM', CLAIMS, holder .. '\\0' .. member)
  if not seatOf(id) and redis.call('ZSCORE', ORDER, id) then
    redis.call('ZADD', P .. ':lane:background', UNKNOWN, member)
  end
end

local function drop(id)
  for _, hash in ipairs({ SEATS, JOBS }) do redis.call('HDEL', hash, id) end
  redis.call('ZREM', ORDER, id)
end

local function tell(reply, id)
  local bytes = redis.call('HGET', JOBS, id) or ''
  for _, each in ipairs({ id, redis.call('HGET', SEATS, id) or '', bytes }) do reply[#reply + 1] = each end
  return #bytes
end
`

const shared = [prelude, records, seats] as const

/** ARGV[11..]: bytes, strategy, rank, time it is due, most jobs. @returns size; 1, 0, or -1: full */
export const addScript = roomyScript(
  ...shared,
  `
local id = ARGV[3]
local head = headOf(id)
if redis.call('HEXISTS', SEATS, id) == 1 or (head and head.status == 'completed') then return { size(), 0 } end
if size() >= tonumber(ARGV[15]) then return { size(), -1 } end
local n = string.format('%016d', count('job'))
redis.call('HSET', JOBS, id, ARGV[11])
redis.call('ZADD', ORDER, n, id)
sit({ id = id, n = n, revision = 0, strategy = ARGV[12], rank = ARGV[13], due = ARGV[14] }, 'lane')
keepGiven()
return { size(), 1 }
`,
)

/**
 * ARGV[3..]: now, how many, the strategies asked for. What has become due returns to its lane.
 * @returns size; whether somebody is gone; claims of this holder; whether there may be more to return; those of the first that are due in the lane
 * that goes first
 */
export const lookScript = script(
  ...shared,
  `
local time, moved, reply = tonumber(ARGV[3]), 0, {}
for _, strategy in ipairs(STRATEGIES) do
  for _, stand in ipairs({ 'putoff', 'early' }) do
    local key = P .. ':' .. stand .. ':' .. strategy
    for _, member in ipairs(redis.call('ZRANGEBYSCORE', key, '-inf', time, 'LIMIT', 0, ${sliceMax})) do
      local s = seatOf(string.sub(member, 17))
      redis.call('ZREM', key, member)
      if s then sit(s, 'lane') else redis.call('ZADD', P .. ':lane:' .. strategy, UNKNOWN, member) end
      moved = moved + 1
    end
  end
end

-- The first that is due, at that rank; those before it that are not go where they wait for their time.
local function firstDue(strategy)
  local key = P .. ':lane:' .. strategy
  while moved < ${sliceMax} do
    local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
    if not first[1] then return nil end
    local s = seatOf(string.sub(first[1], 17))
    if not s or tonumber(s.due) <= time then return { tonumber(first[2]), first[1], strategy } end
    rise(s)
    sit(s, 'early')
    moved = moved + 1
  end
end

local lead
for i = 5, #ARGV do
  local first = firstDue(ARGV[i])
  if first and (not lead or first[1] < lead[1] or (first[1] == lead[1] and first[2] < lead[2])) then lead = first end
end
if lead and moved < ${sliceMax} then
  local bytes = 0
  for i, member in ipairs(redis.call('ZRANGE', P .. ':lane:' .. lead[3], 0, ARGV[4] - 1)) do
    local id = string.sub(member, 17)
    local s = seatOf(id)
    if s and tonumber(s.due) > time then break end
    bytes = bytes + tell(reply, id)
    if bytes > ${sliceBytesMax} then break end
  end
end
local held = redis.call('ZLEXCOUNT', CLAIMS, '[' .. ARGV[2] .. '\\0', '(' .. ARGV[2] .. '\\1')
return { size(), goneAfter('') and 1 or 0, held, moved >= ${sliceMax} and 1 or 0, reply }
`,
)

/** ARGV[3..]: id and seat of each. All of them, or none. @returns size; 1 or 0 */
export const claimScript = script(
  ...shared,
  `
for i = 3, #ARGV, 2 do
  if redis.call('HGET', SEATS, ARGV[i]) ~= ARGV[i + 1] then return { size(), 0 } end
end
for i = 3, #ARGV, 2 do
  local s = seatOf(ARGV[i])
  rise(s)
  sit(s, 'claimed', ARGV[2])
end
return { size(), 1 }
`,
)

/** ARGV[3..4]: id, whether to claim it. @returns size; then id, seat and bytes if it waits */
export const findScript = script(
  ...shared,
  `
local reply = { size() }
local s = seatOf(ARGV[3])
if not s and redis.call('HEXISTS', SEATS, ARGV[3]) == 0 then return reply end
if s and s.stand == 'claimed' then return reply end
if s and ARGV[4] == '1' then
  rise(s)
  sit(s, 'claimed', ARGV[2])
end
tell(reply, ARGV[3])
return reply
`,
)

/** ARGV[11]: runs begun. @returns size; 1 or 0 */
export const beginScript = script(
  ...shared,
  `
local s = seatHeld(ARGV[3], ARGV[2])
if not s then return { size(), 0 } end
sit(s, 'claimed', ARGV[2], ARGV[11])
keepGiven()
return { size(), 1 }
`,
)

/** ARGV[11]: whether it was asked before, and no answer came. @returns size; 1 or 0 */
export const doneScript = script(
  ...shared,
  `
local s = seatHeld(ARGV[3], ARGV[2])
if not s then
  local isDone = ARGV[11] == '1' and redis.call('HGET', RECORDS, ARGV[3]) == ARGV[8]
  return { size(), isDone and 1 or 0 }
end
rise(s)
drop(ARGV[3])
keepGiven()
return { size(), 1 }
`,
)

/** ARGV[11..]: bytes, rank, time it is due. @returns size; 1 or 0 */
export const releaseScript = script(
  ...shared,
  `
local s = seatHeld(ARGV[3], ARGV[2])
if not s then return { size(), 0 } end
rise(s)
redis.call('HSET', JOBS, ARGV[3], ARGV[11])
s.rank, s.due = ARGV[12], ARGV[13]
sit(s, 'putoff')
keepGiven()
return { size(), 1 }
`,
)

/** ARGV[11]: the seat that was seen. @returns size; 1 or 0 */
export const removeScript = script(
  ...shared,
  `
local s = seatAsSeen(ARGV[3], ARGV[11])
if not s then return { size(), 0 } end
rise(s)
drop(ARGV[3])
keepGiven()
return { size(), 1 }
`,
)

/** @returns size; id, seat and bytes of some that the gone have claimed */
export const goneScript = script(
  ...shared,
  `
local reply = {}
local holder = goneAfter('')
while holder and #reply == 0 do
  for _, member in ipairs(ownedAfter(CLAIMS, holder, '', ${sliceMax})) do
    local id = string.sub(member, 17)
    if seatHeld(id, holder) then
      tell(reply, id)
    else
      unclaim(holder, member)
    end
  end
  holder = goneAfter(holder)
end
return { size(), reply }
`,
)

/** ARGV[3]: after which. @returns size; the last; id, seat and bytes of some that this holder has claimed */
export const ownScript = script(
  ...shared,
  `
local reply, last = {}, ''
for _, member in ipairs(ownedAfter(CLAIMS, ARGV[2], ARGV[3], ${sliceMax})) do
  local id = string.sub(member, 17)
  if seatHeld(id, ARGV[2]) then tell(reply, id) else unclaim(ARGV[2], member) end
  last = member
end
return { size(), last, reply }
`,
)

/** ARGV[11..]: the seat that was seen; bytes, or '' if no run had begun: then there is no record. @returns size; 1 or 0 */
export const giveBackScript = script(
  ...shared,
  `
local s = seatAsSeen(ARGV[3], ARGV[11])
if not s or s.stand ~= 'claimed' then return { size(), 0 } end
if s.holder ~= ARGV[2] and not isGone(s.holder) then return { size(), 0 } end
rise(s)
sit(s, 'lane')
if ARGV[12] ~= '' then
  redis.call('HSET', JOBS, ARGV[3], ARGV[12])
  keepGiven()
end
return { size(), 1 }
`,
)

/** ARGV[11..]: the seat that was seen; bytes that are not what was written. @returns size; 1 or 0 */
export const putAsideScript = script(
  ...shared,
  `
local id = ARGV[3]
if (redis.call('HGET', SEATS, id) or '') ~= ARGV[11] then return { size(), 0 } end
local s = seatOf(id)
local n = s and s.n or string.format('%016d', redis.call('ZSCORE', ORDER, id) or 0)
for _, strategy in ipairs(STRATEGIES) do
  for _, stand in ipairs({ 'lane', 'putoff', 'early' }) do
    redis.call('ZREM', P .. ':' .. stand .. ':' .. strategy, n .. id)
  end
end
if s then rise(s) end
drop(id)
local DAMAGED = P .. ':damaged'
if redis.call('HLEN', DAMAGED) < ${damagedMax} then redis.call('HSET', DAMAGED, n .. id, ARGV[12]) end
local head = headOf(id)
if not head or head.status == 'pending' or head.status == 'running' then keepGiven() end
return { size(), 1 }
`,
)

/** @returns size; the first time for which something was put off, of each strategy */
export const dueScript = script(
  ...shared,
  `
local reply = { size() }
for _, strategy in ipairs(STRATEGIES) do
  reply[#reply + 1] = redis.call('ZRANGE', P .. ':putoff:' .. strategy, 0, 0, 'WITHSCORES')[2] or ''
end
return reply
`,
)

/** ARGV[3]: after which number. @returns size; number of the last; id, seat and bytes of some, as they were added */
export const listScript = script(
  ...shared,
  `
local reply, last, bytes = {}, '', 0
local found = redis.call('ZRANGEBYSCORE', ORDER, '(' .. ARGV[3], '+inf', 'WITHSCORES', 'LIMIT', 0, ${sliceMax})
for i = 1, #found, 2 do
  bytes = bytes + tell(reply, found[i])
  last = found[i + 1]
  if bytes > ${sliceBytesMax} then break end
end
return { size(), last, reply }
`,
)
