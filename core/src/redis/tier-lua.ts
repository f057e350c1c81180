/**
 * The scripts of the tier. Names stand as in bytes/names.ts, entries as in bytes/format.ts.
 *
 *   {prefix}:e:<key>   string with an expiry: an entry with its value; an eviction policy for volatile keys may take it
 *   {prefix}:entries   hash: key -> its head: version, a space, the entry without its value
 *   {prefix}:d:<name>  set: keys of entries that depend on the name
 *   {prefix}:keys      sorted set, by bytes: keys that have an entry; names: those that have dependents
 *   {prefix}:gone      sorted set: key -> moment from which nobody can be served the entry
 *   {prefix}:left      list: keys, some in each item, whose entries were removed, and rows in keys and gone were left
 *   {prefix}:invalidated  hash: key -> position at or after that of the invalidation that ended an entry of it, or
 *                      overtook a load of it
 *   {prefix}:tier      hash: sequence of versions; generation that `invalidated` is of; low: position of those forgotten
 *                      there; swept: the generation before which nothing is left
 *
 * Removing a row of a sorted set costs more than all else that an entry has: it is done behind, some at a time.
 *
 * Invariants: an entry has its head, its rows in all sets, or it is not there at all, but for its value; a key with rows
 * in keys or gone, and without a head, stands in left; two heads that ever stood under one key have two versions, and no
 * head has version 0; the members of a set are the same if there are as many of them and each stands as it stood: a head
 * that keeps its version keeps its dependencies.
 */
import { roomyScript, script } from './driver.ts'
import { prelude } from './lua.ts'

/** Characters of a version, at most. */
export const versionMax = 40
/** Dependents whose heads are told: one more than anybody looks at. */
const dependentsMax = 101
/** As many are told unasked. */
const fewDependents = 16
export const endedMax = 100_000

const tables = `
local TIER, ENTRIES, ALL, NAMES = P .. ':tier', P .. ':entries', P .. ':keys', P .. ':names'
local GONE, LEFT, INVALIDATED = P .. ':gone', P .. ':left', P .. ':invalidated'

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

local function headOf(key) return redis.call('HGET', ENTRIES, key) end

-- Of some thousand keys at most. False where nothing stands.
local function headsOf(keys) return #keys == 0 and {} or redis.call('HMGET', ENTRIES, unpack(keys)) end

local function versionOf(head)
  return head and string.match(string.sub(head, 1, ${versionMax}), '^[%w-]*') or '0'
end

-- A server that lost its tail counts from an earlier number again: in another generation.
local function nextVersion(generation)
  return redis.call('HINCRBY', TIER, 'sequence', 1) .. '-' .. string.sub(generation, 1, 8)
end

-- What is known of those who ended is of one generation: of any other nothing is known.
local function lowOf(generation)
  local tier = redis.call('HMGET', TIER, 'generation', 'low')
  return tier[1] == generation and (tier[2] or '0')
end

local function endedAt(key, low)
  return low and (redis.call('HGET', INVALIDATED, key) or low) or '0'
end

-- Entries of these keys were invalidated, at the newest position at the latest.
local function ended(keys, generation)
  if not lowOf(generation) then
    redis.call('UNLINK', INVALIDATED)
    redis.call('HSET', TIER, 'generation', generation, 'low', 0)
  end
  local n, rows = redis.call('HGET', META, 'n'), {}
  for _, key in ipairs(keys) do
    rows[#rows + 1] = key
    rows[#rows + 1] = n
  end
  many(rows, 'HSET', INVALIDATED)
  if redis.call('HLEN', INVALIDATED) <= ${endedMax} then return end
  redis.call('UNLINK', INVALIDATED)
  redis.call('HSET', TIER, 'low', n)
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
  names[i] = { headOf(key), endedAt(key, low) }
end
while at < #ARGV do
  local set, isAll = P .. ':d:' .. arg(), arg() == '1'
  local size, rows = redis.call('SCARD', set), {}
  if size > 0 and (isAll or size <= ${fewDependents}) then
    local keys = redis.call('SRANDMEMBER', set, ${dependentsMax})
    for i, head in ipairs(headsOf(keys)) do rows[i] = { keys[i], head } end
  end
  sets[#sets + 1] = { size, rows }
end
return { refused or tell(applied), names, sets }
`,
)

/**
 * Stores an entry if all stands as it was seen. ARGV: since; tail that the log has to have, or '' for any; node; records;
 * names seen, with version and end; sets seen, with size, keys and versions; the entry, and whether it replaces one that
 * was invalidated; names that it depends on now, and those that it depends on no more. Lists begin with their length. @returns 1 or 0, and how the log stands
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
  local key, version, position = arg(), arg(), arg()
  isSame = isSame and versionOf(headOf(key)) == version and endedAt(key, low) == position
end
for _ = 1, count() do
  isSame = redis.call('SCARD', P .. ':d:' .. arg()) == count() and isSame
  for _ = 1, count() do
    local key, version = arg(), arg()
    isSame = isSame and versionOf(headOf(key)) == version
  end
end
if not isSame then return { 0, refused or tell(applied) } end

local key, value, expiry, head, gone, isEnded = arg(), arg(), arg(), arg(), arg(), arg() == '1'
for _, record in ipairs(records) do append(record[1], node, record[2]) end
if isEnded then ended({ key }, generation) end
redis.call('HSET', ENTRIES, key, nextVersion(generation) .. ' ' .. head)
if value == '' then redis.call('DEL', P .. ':e:' .. key)
else redis.call('SET', P .. ':e:' .. key, value, 'PX', expiry) end
redis.call('ZADD', ALL, 0, key)
redis.call('ZADD', GONE, gone, key)
for _ = 1, count() do depend(arg(), key) end
for _ = 1, count() do leave(arg(), key) end
return { 1, refused or tell(applied) }
`,
)

/**
 * Removes entries that stand as they were seen. ARGV: generation; then, for some entries that have this in common: whether
 * they are of that generation, whether they were invalidated, what they depend on, and of each its key and version.
 *
 * In another generation the entries that this one cannot read are somebody's.
 * @returns how many went; numbers of those that had changed
 */
export const removeScript = script(
  prelude,
  tables,
  `
local generation = arg()
local isCurrent = redis.call('HGET', META, 'generation') == generation

-- All at once: a command for each row takes five times as long.
local seen, changed, values, removed, left, invalidated = 0, {}, {}, {}, {}, {}
while at < #ARGV do
  local isOurs, isEnded, names, keys, versions, from = arg() == '1', arg() == '1', {}, {}, {}, #removed
  for i = 1, count() do names[i] = arg() end
  for i = 1, count() do keys[i], versions[i] = arg(), arg() end
  local heads = (isOurs or isCurrent) and headsOf(keys) or {}
  for i, head in ipairs(heads) do
    if head and string.find(head, versions[i], 1, true) == 1 then
      removed[#removed + 1] = keys[i]
      values[#values + 1] = P .. ':e:' .. keys[i]
    else
      changed[#changed + 1] = seen + i
    end
  end
  seen = seen + #keys
  for _, name in ipairs(names) do
    local keysOfName = left[name] or {}
    for i = from + 1, #removed do keysOfName[#keysOfName + 1] = removed[i] end
    left[name] = keysOfName
  end
  if isEnded and isCurrent then
    for i = from + 1, #removed do invalidated[#invalidated + 1] = removed[i] end
  end
end
if #removed == 0 then return { 0, changed } end
many(values, 'UNLINK')
many(removed, 'HDEL', ENTRIES)
redis.call('RPUSH', LEFT, cmsgpack.pack(removed))
for name, keys in pairs(left) do
  many(keys, 'SREM', P .. ':d:' .. name)
  if redis.call('EXISTS', P .. ':d:' .. name) == 0 then redis.call('ZREM', NAMES, name) end
end
if #invalidated > 0 then ended(invalidated, generation) end
return { #removed, changed }
`,
)

/** Notes loads that were overtaken, if the generation still goes on. ARGV: generation; keys. */
export const endedScript = roomyScript(
  prelude,
  tables,
  `
local generation, keys = arg(), {}
if redis.call('HGET', META, 'generation') ~= generation then return 0 end
while at < #ARGV do keys[#keys + 1] = arg() end
ended(keys, generation)
return #keys
`,
)

/** Removes the rows that were left of keys that have no entry. ARGV: keys; none: those that were left first. @returns how many are left still */
export const leftScript = script(
  prelude,
  tables,
  `
local keys, none = ARGV, {}
if #ARGV == 0 then
  local item = redis.call('LPOP', LEFT)
  keys = item and cmsgpack.unpack(item) or {}
end
for i, head in ipairs(headsOf(keys)) do
  if not head then none[#none + 1] = keys[i] end
end
many(none, 'ZREM', ALL)
many(none, 'ZREM', GONE)
return redis.call('LLEN', LEFT)
`,
)

/** ARGV: first and last that it may be, how many to look at. @returns keys that have an entry; how many were looked at, and the last of those */
export const keysScript = script(
  prelude,
  tables,
  `
local page = redis.call('ZRANGEBYLEX', ALL, ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])
local standing = {}
for i, head in ipairs(headsOf(page)) do
  if head then standing[#standing + 1] = page[i] end
end
return { standing, #page, page[#page] or false }
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
if versionOf(headOf(ARGV[1])) ~= ARGV[2] then return 0 end
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
