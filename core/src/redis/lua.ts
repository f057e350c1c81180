/**
 * What every script begins with: how the log stands for who asks, and how a record is appended.
 *
 *   {prefix}:meta    hash: generation, epoch, n (position of the newest record), settled, said (syncs so far), nodes (how many are registered)
 *   {prefix}:log     stream: n-0 -> x nonce, o node, t ms of the server, d bytes of the record
 *   {prefix}:nodes   hash: id -> position acknowledged, number of the sync that said so, its name, with spaces between
 *   {prefix}:seen    sorted set: id -> ms of the server when it was heard of last
 *   {prefix}:snapshot  hash: generation, n, d bytes of the state
 *   {prefix}:acks      stream: the newest sync that acknowledged more, said-0: who waits for acknowledgements is woken by it
 *
 * The epoch is the replication id of the server: it changes with every restart and every promotion, which are the
 * moments at which the tail of the log may be lost.
 *
 * Invariants: in a log that is whole the newest record of the stream stands at meta.n, there is a snapshot, the register
 * has meta.nodes nodes, and the epoch is the server's.
 * ARGV[1..3] of each script that asks for the log: generation, applied, witness.
 */

/** Records that are told at once. */
export const toldMax = 500

export const prelude = `
local P = KEYS[1]
local META, LOG, NODES, SEEN = P .. ':meta', P .. ':log', P .. ':nodes', P .. ':seen'
local SNAPSHOT, ACKS = P .. ':snapshot', P .. ':acks'

local function epoch()
  return string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
end

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- As whole() has found it, and this script has changed it since: it is asked for once.
local generation, n, registered, settled, said
-- Nonce of the record at n, as whole() has found it.
local newest

-- The generation, if the log is whole, and its newest position.
local function whole()
  local meta = redis.call('HMGET', META, 'generation', 'epoch', 'n', 'nodes', 'settled', 'said')
  if not meta[1] or meta[2] ~= epoch() then return nil end
  if redis.call('EXISTS', LOG, SNAPSHOT) < 2 then return nil end
  if redis.call('HLEN', NODES) ~= tonumber(meta[4] or '0') then return nil end
  local last = redis.call('XREVRANGE', LOG, '+', '-', 'COUNT', 1)[1]
  if (last and last[1] or '0-0') ~= meta[3] .. '-0' then return nil end
  generation, n, registered = meta[1], tonumber(meta[3]), tonumber(meta[4] or '0')
  settled, said = meta[5] or '0', tonumber(meta[6] or '0')
  newest = last and last[2][2]
  return generation, n
end

-- After nodes were taken out of the register.
local function count()
  if redis.call('EXISTS', META) == 1 then redis.call('HSET', META, 'nodes', redis.call('HLEN', NODES)) end
end

-- Why nothing can be told, or nil: {'lost', epoch}, {'other'}, {'gap'}; and the newest position.
local function refuse(known, applied, witness)
  if not whole() then return { 'lost', epoch() } end
  if generation ~= known or applied > n then return { 'other' } end
  if witness ~= '' then
    local nonce = newest
    if applied < n then
      local at = redis.call('XRANGE', LOG, applied .. '-0', applied .. '-0')[1]
      nonce = at and at[2][2]
    end
    if nonce and nonce ~= witness then return { 'other' } end
  end
  if applied < n then
    local first = tonumber(string.match(redis.call('XRANGE', LOG, '-', '+', 'COUNT', 1)[1][1], '^%d+'))
    if first > applied + 1 then return { 'gap' } end
  end
  return nil, n
end

-- {'same', tail, settled, records of the stream after that position, generation, registered nodes}
local function tell(after)
  local records = {}
  if after < n then records = redis.call('XRANGE', LOG, (after + 1) .. '-0', '+', 'COUNT', ${toldMax}) end
  return { 'same', n, settled, records, generation, registered }
end

local function append(nonce, node, bytes)
  n = n + 1
  redis.call('XADD', LOG, n .. '-0', 'x', nonce, 'o', node, 't', now(), 'd', bytes)
  redis.call('HSET', META, 'n', n)
  return n
end
`
