/**
 * Mutations of the scripts on Redis: each forgets one thing, and has to be found when the simulated server is held
 * against a real one.
 */
import type { Change } from '../mutants.ts'

export interface ScriptMutation extends Change {
  readonly name: string
  /** Where the search begins, for one that is found late; default 1. */
  readonly first?: number
}

const prelude = 'redis/lua.js'
const log = 'redis/log-server.js'
const tier = 'redis/tier-lua.js'
const turns = 'redis/turns-lua.js'
const queue = 'redis/queue-lua.js'

export const scriptMutations: readonly ScriptMutation[] = [
  {
    name: 'the-epoch-is-not-looked-at',
    file: prelude,
    from: 'if not meta[1] or meta[2] ~= epoch() then return nil end',
    to: 'if not meta[1] then return nil end',
  },
  {
    name: 'a-register-that-is-gone-is-whole',
    file: prelude,
    from: "if redis.call('HLEN', NODES) ~= tonumber(meta[4] or '0') then return nil end",
    to: '',
  },
  {
    name: 'a-log-without-its-snapshot-is-whole',
    file: prelude,
    from: "if redis.call('EXISTS', LOG, SNAPSHOT) < 2 then return nil end",
    to: '',
  },
  {
    name: 'generations-are-compared-by-the-server',
    file: prelude,
    from: 'if generation ~= known or applied > n then',
    to: 'if applied > n then',
  },
  {
    name: 'a-gap-is-not-told',
    file: prelude,
    from: "if first > applied + 1 then return { 'gap' } end",
    to: '',
  },
  {
    name: 'a-record-is-not-told',
    file: prelude,
    from: "records = redis.call('XRANGE', LOG, (after + 1) .. '-0'",
    to: "records = redis.call('XRANGE', LOG, (after + 2) .. '-0'",
  },
  {
    name: 'a-sync-registers-nobody',
    file: log,
    from: "redis.call('HSET', NODES, id, applied .. ' ' .. said .. ' ' .. name)",
    to: '0',
  },
  {
    name: 'nobody-says-that-leases-are-over',
    file: log,
    from: "if ARGV[6] == '1' then settled = '1' end",
    to: '',
  },
  {
    name: 'nothing-is-appended-behind-a-gap',
    file: log,
    from: "if refused and refused[1] ~= 'gap' then return { refused, 0 } end",
    to: 'if refused then return { refused, 0 } end',
  },
  {
    name: 'nodes-of-any-generation',
    file: log,
    from: "if current ~= ARGV[1] then return 'other' end",
    to: '',
  },
  {
    name: 'a-node-is-forgotten-though-it-spoke',
    file: log,
    from: "if redis.call('HGET', NODES, ARGV[i]) == ARGV[i + 1] then redis.call('HDEL', NODES, ARGV[i]) end",
    to: "redis.call('HDEL', NODES, ARGV[i])",
  },
  {
    name: 'whoever-leaves-makes-a-register-whole',
    file: log,
    from: 'if known then count() end',
    to: 'count()',
  },
  {
    name: 'a-generation-begins-though-one-goes-on',
    file: log,
    from: 'if whole() then return 0 end',
    to: '',
  },
  {
    name: 'an-older-snapshot-replaces-a-newer-one',
    file: log,
    from: 'if before >= n then return 0 end',
    to: '',
  },
  {
    name: 'records-are-trimmed-though-no-snapshot-has-them',
    file: log,
    from: 'math.min(n, last)',
    to: 'last',
  },
  {
    name: 'an-entry-is-stored-though-another-has-come',
    file: tier,
    from: 'isSame = isSame and versionOf(headOf(key)) == version and endedAt(key, low) == position',
    to: 'isSame = isSame and endedAt(key, low) == position',
  },
  {
    name: 'an-entry-is-stored-though-its-input-has-ended',
    file: tier,
    from: 'isSame = isSame and versionOf(headOf(key)) == version and endedAt(key, low) == position',
    to: 'isSame = isSame and versionOf(headOf(key)) == version',
  },
  {
    name: 'an-announcement-takes-any-position',
    file: tier,
    from: "lowOf(generation), tail == '' or n == tonumber(tail)",
    to: 'lowOf(generation), true',
  },
  {
    name: 'a-dependent-more-is-not-noticed',
    file: tier,
    from: "isSame = redis.call('SCARD', P .. ':d:' .. arg()) == count() and isSame",
    to: "isSame = (redis.call('SCARD', P .. ':d:' .. arg()) == count() or true) and isSame",
  },
  {
    name: 'what-an-entry-rests-on-no-more-stays-in-the-index',
    file: tier,
    from: 'for _ = 1, count() do leave(arg(), key) end',
    to: '',
  },
  {
    name: 'ends-are-those-of-any-generation',
    file: tier,
    from: "return tier[1] == generation and (tier[2] or '0')",
    to: "return tier[2] or '0'",
  },
  {
    name: 'an-entry-is-removed-though-another-has-come',
    file: tier,
    from: 'if head and string.find(head, versions[i], 1, true) == 1 then',
    to: 'if head then',
  },
  {
    name: 'entries-of-the-next-generation-are-removed',
    file: tier,
    from: '(isOurs or isCurrent) and headsOf(keys) or {}',
    to: 'headsOf(keys)',
  },
  {
    name: 'nobody-notes-what-has-ended',
    file: tier,
    from: 'if #invalidated > 0 then ended(invalidated, generation) end',
    to: '',
  },
  {
    name: 'nobody-notes-what-was-replaced',
    file: tier,
    from: 'if isEnded then ended({ key }, generation) end',
    to: '',
  },
  {
    name: 'the-value-of-what-is-removed-stays',
    file: tier,
    from: "values[#values + 1] = P .. ':e:' .. keys[i]",
    to: '',
  },
  {
    name: 'nobody-hears-of-an-acknowledgement',
    file: log,
    from: "if ARGV[7] == '1' then redis.pcall(",
    to: 'if false then redis.pcall(',
  },
  {
    name: 'acknowledgements-of-before-are-heard',
    file: log,
    from: "redis.call('DEL', META, LOG, NODES, SNAPSHOT, ACKS)",
    to: "redis.call('DEL', META, LOG, NODES, SNAPSHOT)",
  },
  {
    name: 'a-turn-is-taken-though-another-has-it',
    file: turns,
    from: 'if node and node ~= ARGV[2] then return 0 end',
    to: '',
  },
  {
    name: 'a-turn-is-given-up-by-anybody',
    file: turns,
    from: "if redis.call('GET', turn) == ARGV[2] then return",
    to: 'if true then return',
  },
  {
    name: 'a-turn-never-runs-out',
    file: turns,
    from: "redis.call('SET', turn, ARGV[2], 'PX', ARGV[3])",
    to: "redis.call('SET', turn, ARGV[2])",
  },
  {
    name: 'a-job-is-claimed-by-two',
    file: queue,
    from: "if redis.call('HGET', SEATS, ARGV[i]) ~= ARGV[i + 1] then return { size(), 0 } end",
    to: '',
  },
  {
    name: 'nobody-is-gone',
    file: queue,
    from: "{ size(), goneAfter('') and 1 or 0, held,",
    to: '{ size(), 0, held,',
  },
  {
    name: 'everybody-is-gone',
    file: 'redis/history-lua.js',
    from: 'return not seen or tonumber(seen) < now()',
    to: 'return not seen or tonumber(seen) < 10 * now()',
  },
  {
    name: 'jobs-of-who-lives-are-given-back',
    file: queue,
    from: 'if s.holder ~= ARGV[2] and not isGone(s.holder) then return { size(), 0 } end',
    to: '',
  },
  {
    name: 'a-run-is-not-counted',
    file: queue,
    from: "sit(s, 'claimed', ARGV[2], ARGV[11])",
    to: "sit(s, 'claimed', ARGV[2])",
  },
  {
    name: 'whoever-asks-ends-a-job',
    file: queue,
    from: 'local s = seatHeld(ARGV[3], ARGV[2])\nif not s then\n  local isDone',
    to: 'local s = seatOf(ARGV[3])\nif not s then\n  local isDone',
  },
  {
    name: 'an-end-that-is-asked-for-again-is-refused',
    file: queue,
    from: "local isDone = ARGV[11] == '1' and",
    to: 'local isDone = false and',
  },
  {
    name: 'what-is-put-off-is-claimed-at-once',
    file: queue,
    from: "s.rank, s.due = ARGV[12], ARGV[13]\nsit(s, 'putoff')",
    to: "s.rank = ARGV[12]\nsit(s, 'lane')",
  },
  {
    name: 'what-completed-is-added-again',
    file: queue,
    from: "or (head and head.status == 'completed') then",
    to: 'then',
  },
  {
    name: 'what-is-removed-was-claimed-meanwhile',
    file: queue,
    from: 'return s and s.text == text and s\n',
    to: 'return s\n',
  },
]
