/**
 * The scripts of the tier. Names stand as in bytes/names.ts, entries as in bytes/format.ts.
 *
 *   {prefix}:e:<key>   string with an expiry: an entry with its value; an eviction policy for volatile keys may take it
 *   {prefix}:h:<key>   hash: b the entry without its value, v version
 *   {prefix}:d:<name>  set: keys of entries that depend on the name
 *   {prefix}:keys      sorted set, by bytes: keys that have an entry; names: those that have dependents
 *   {prefix}:gone      sorted set: key -> moment from which nobody can be served the entry
 *   {prefix}:ended     sorted set: key -> position at which an entry of it was removed as invalid
 *   {prefix}:tier      hash: sequence of versions; generation that `ended` is of; low: position of those forgotten there;
 *                      swept: the generation before which nothing is left
 *
 * Invariants: an entry has its head, its rows in all sets, or it is not there at all, but for its value; two heads that
 * ever stood under one key have two versions, and no head has version 0; the members of a set are the same if there are
 * as many of them and each stands as it stood: a head that keeps its version keeps its dependencies.
 */
import { roomyScript, script } from './driver.ts'
import { prelude } from './lua.ts'

/** Dependents whose heads are told: one more than anybody looks at. */
const dependentsMax = 101
/** As many are told unasked. */
const fewDependents = 16
export const endedMax = 100_000
/** Forgotten at once, so that `low` rises rarely. */
const endedSlice = 1000

const tables = `
local TIER, ALL, NAMES, GONE, ENDED = P .. ':tier', P .. ':keys', P .. ':names', P .. ':gone', P .. ':ended'

local at = 0
local function arg()
  at = at + 1
  return ARGV[at]
end
local function count() return tonumber(arg()) end

-- One command with many arguments, as often as it takes: Lua passes some thousand at once.
local function many(arguments, ...)
  for from = 1, #arguments, 1000 do
    local command = { ... }
    for i = from, math.min(from + 999, #arguments) do command[#command + 1] = arguments[i] end
    redis.call(unpack(command))
  end
end

local function headOf(key)
  local head = redis.call('HMGET', P .. ':h:' .. key, 'v', 'b')
  return head[1] or '0', head[2]
end

-- A server that lost its tail counts from an earlier number again: in another generation.
local function nextVersion(generation)
  return redis.call('HINCRBY', TIER, 'sequence', 1) .. '-' .. string.sub(generation, 1, 8)
end

local function versionOf(key)
  return redis.call('HGET', P .. ':h:' .. key, 'v') or '0'
end

-- What is known of those who ended is of one generation: of any other nothing is known.
local function lowOf(generation)
  local tier = redis.call('HMGET', TIER, 'generation', 'low')
  return tier[1] == generation and (tier[2] or '0')
end

local function endedAt(key, low)
  return low and (redis.call('ZSCORE', ENDED, key) or low) or '0'
end

local function depend(name, key)
  redis.call('SADD', P .. ':d:' .. name, key)
  redis.call('ZADD', NAMES, 0, name)
end

local function leave(name, key)
  redis.call('SREM', P .. ':d:' .. name, key)
  if redis.call('EXISTS', P .. ':d:' .. name) == 0 then redis.call('ZREM', NAMES, name) end
end
`

/**
 * What settling has to know, and the log with it. ARGV: since; how many names; the names; then each name whose
 * dependents are asked for, and '1' if they are told however many there are.
 */
export const lookScript = script(
  prelude,
  tables,
  `
local generation, applied, witness = arg(), count(), arg()
local refused = refuse(generation, applied, witness)
if refused and refused[1] ~= 'gap' then return { refused } end
local low = lowOf(generation)
local names, sets = {}, {}
for i = 1, count() do
  local key = arg()
  local version, bytes = headOf(key)
  names[i] = { version, bytes, endedAt(key, low) }
end
while at < #ARGV do
  local set, isAll = P .. ':d:' .. arg(), arg() == '1'
  local size, rows = redis.call('SCARD', set), {}
  if size > 0 and (isAll or size <= ${fewDependents}) then
    for i, key in ipairs(redis.call('SRANDMEMBER', set, ${dependentsMax})) do
      local version, bytes = headOf(key)
      rows[i] = { key, version, bytes }
    end
  end
  sets[#sets + 1] = { size, rows }
end
return { refused or tell(applied), names, sets }
`,
)

/**
 * Stores an entry if all stands as it was seen. ARGV: since; tail that the log has to have, or '' for any; node; records;
 * names seen, with version and end; sets seen, with size, keys and versions; the entry; names that it depends on now,
 * and those that it depends on no more. Lists begin with their length. @returns 1 or 0, and how the log stands
 */
export const storeScript = roomyScript(
  prelude,
  tables,
  `
local generation, applied, witness = arg(), count(), arg()
local refused, n = refuse(generation, applied, witness)
if refused and refused[1] ~= 'gap' then return { 0, refused } end
local tail, node, records = arg(), arg(), {}
for i = 1, count() do records[i] = { arg(), arg() } end

local low, isSame = lowOf(generation), tail == '' or n == tonumber(tail)
for _ = 1, count() do
  local key, version, ended = arg(), arg(), arg()
  isSame = isSame and versionOf(key) == version and endedAt(key, low) == ended
end
for _ = 1, count() do
  isSame = redis.call('SCARD', P .. ':d:' .. arg()) == count() and isSame
  for _ = 1, count() do
    local key, version = arg(), arg()
    isSame = isSame and versionOf(key) == version
  end
end
if not isSame then return { 0, refused or tell(applied) } end

local key, value, expiry, head, gone = arg(), arg(), arg(), arg(), arg()
for _, record in ipairs(records) do append(record[1], node, record[2]) end
redis.call('HSET', P .. ':h:' .. key, 'v', nextVersion(generation), 'b', head)
if value == '' then redis.call('DEL', P .. ':e:' .. key)
else redis.call('SET', P .. ':e:' .. key, value, 'PX', expiry) end
redis.call('ZADD', ALL, 0, key)
redis.call('ZADD', GONE, gone, key)
for _ = 1, count() do depend(arg(), key) end
for _ = 1, count() do leave(arg(), key) end
return { 1, refused or tell(applied) }
`,
)

/** ARGV: keys. @returns version and head of each */
export const headsScript = script(
  prelude,
  tables,
  `
local heads = {}
for i, key in ipairs(ARGV) do
  local version, bytes = headOf(key)
  heads[i] = { version, bytes }
end
return heads
`,
)

/**
 * Removes entries that stand as they were seen. ARGV: generation; position that is noted for those who ended; then of
 * each its key, version, whether it is of that generation, whether it ended, and what it depends on.
 *
 * In another generation the entries that this one cannot read are somebody's.
 * @returns of each 1: it went, 0: it had changed, 2: it is theirs
 */
export const removeScript = script(
  prelude,
  tables,
  `
local generation, position = arg(), arg()
local isCurrent = redis.call('HGET', META, 'generation') == generation

local function ended(keys)
  if not lowOf(generation) then
    redis.call('DEL', ENDED)
    redis.call('HSET', TIER, 'generation', generation, 'low', 0)
  end
  local members = {}
  for _, key in ipairs(keys) do
    members[#members + 1] = position
    members[#members + 1] = key
  end
  many(members, 'ZADD', ENDED, 'GT')
  local over = redis.call('ZCARD', ENDED) - ${endedMax}
  if over <= 0 then return end
  local oldest = redis.call('ZPOPMIN', ENDED, over + ${endedSlice})
  local low = tonumber(lowOf(generation))
  redis.call('HSET', TIER, 'low', math.max(low, tonumber(oldest[#oldest])))
end

-- Row by row it is decided, and all at once it is done: a command for each row of each table takes five times as long.
local removed, gone, rows, left, marked = {}, {}, {}, {}, {}
while at < #ARGV do
  local key, version, isOurs, isEnded, names = arg(), arg(), arg() == '1', arg() == '1', {}
  for i = 1, count() do names[i] = arg() end
  local outcome = (not isOurs and not isCurrent and 2) or (versionOf(key) == version and 1) or 0
  if outcome == 1 then
    rows[#rows + 1] = P .. ':e:' .. key
    rows[#rows + 1] = P .. ':h:' .. key
    gone[#gone + 1] = key
    for _, name in ipairs(names) do
      left[name] = left[name] or {}
      table.insert(left[name], key)
    end
    if isEnded and isCurrent then marked[#marked + 1] = key end
  end
  removed[#removed + 1] = outcome
end
many(rows, 'UNLINK')
many(gone, 'ZREM', ALL)
many(gone, 'ZREM', GONE)
for name, keys in pairs(left) do
  many(keys, 'SREM', P .. ':d:' .. name)
  if redis.call('EXISTS', P .. ':d:' .. name) == 0 then redis.call('ZREM', NAMES, name) end
end
if #marked > 0 then ended(marked) end
return removed
`,
)

/** ARGV: most dependents that are told of one; names. @returns of each its dependents, or how many there are */
export const dependentsScript = script(
  prelude,
  `
local found = {}
for i = 2, #ARGV do
  local size = redis.call('SCARD', P .. ':d:' .. ARGV[i])
  local isFew = size <= tonumber(ARGV[1])
  found[i - 1] = isFew and redis.call('SMEMBERS', P .. ':d:' .. ARGV[i]) or size
end
return found
`,
)

/** Removes a value that is what it was. ARGV: key, SHA-1 of its bytes. */
export const dropScript = script(
  prelude,
  `
local bytes = redis.call('GET', P .. ':e:' .. ARGV[1])
if not bytes or redis.sha1hex(bytes) ~= ARGV[2] then return 0 end
return redis.call('DEL', P .. ':e:' .. ARGV[1])
`,
)

/** Keeps a later moment for a head that stands as it was seen. ARGV: key, version, moment. */
export const laterScript = script(
  prelude,
  tables,
  `
if versionOf(ARGV[1]) ~= ARGV[2] then return 0 end
return redis.call('ZADD', GONE, 'XX', ARGV[3], ARGV[1])
`,
)

/** Notes that nothing is left of the generations before this one, if it still goes on. ARGV: generation. */
export const sweptScript = script(
  prelude,
  tables,
  `
if redis.call('HGET', META, 'generation') ~= ARGV[1] then return 0 end
return redis.call('HSET', TIER, 'swept', ARGV[1])
`,
)
