/**
 * Mutations of what keeps many nodes right: each has to be found by the simulation.
 */
import type { Mutation } from '../mutations.ts'

export interface SimulatedMutation extends Omit<Mutation, 'invariants'> {
  /** Hole of the first draft, if it is one. */
  readonly hole?: string
  /** Where the search begins, for one that is found late; default 1. */
  readonly first?: number
}

const member = 'consistency/member.js'
const lease = 'consistency/lease.js'
const everywhere = 'consistency/everywhere.js'
const applied = 'consistency/applied.js'
const judge = 'log/judge.js'
const held = 'cache/held.js'
const reader = 'cache/reader.js'
const writer = 'cache/writer.js'
const inTurn = 'cache/in-turn.js'
const isFenced = 'return this.#membership !== undefined && this.#membership.isFenced;'

export const simulatedMutations: readonly SimulatedMutation[] = [
  {
    name: 'lease-from-the-answer',
    first: 345,
    file: member,
    from: 'this.#lease.grant(sent);',
    to: 'this.#lease.grant(this.#lease.moment());',
  },
  {
    name: 'lease-never-looked-at',
    file: held,
    from: isFenced,
    to: 'return false;',
  },
  {
    name: 'lease-for-half-as-long-again',
    file: lease,
    from: 'const heldMs = this.ownMs * (1 - rho) - epsilonMs;',
    to: 'const heldMs = this.ownMs * 1.5;',
  },
  {
    name: 'lease-regained-without-asking',
    hole: 'A4',
    file: member,
    from: 'await Promise.race([this.#sync(), this.#pause(regainMs)]);',
    to: 'if (this.#applied.hasJoined)\n            this.#lease.grant(this.#lease.moment());',
  },
  {
    name: 'news-are-a-lease',
    file: member,
    from: 'if (this.#applied.takeAll(ours))\n            this.#acknowledge();',
    to: 'if (this.#applied.takeAll(ours)) {\n            this.#lease.grant(this.#lease.moment());\n            this.#acknowledge();\n        }',
  },
  {
    name: 'nodes-are-not-waited-for',
    file: everywhere,
    from: 'const lagging = nodes?.filter(({ acked }) => acked < n);',
    to: 'const lagging = nodes?.filter(() => false);',
  },
  {
    name: 'waits-for-one-acknowledgement-only',
    file: everywhere,
    from: 'lagging?.length === 0 &&',
    to: '(lagging?.length ?? 2) < Math.max(1, nodes?.length ?? 0) &&',
  },
  {
    name: 'waits-too-short',
    first: 35,
    file: lease,
    from: 'return this.#longestMs * (1 + rho) + epsilonMs;',
    to: 'return this.#longestMs * 0.8;',
  },
  {
    name: 'no-wait-for-a-young-generation',
    hole: 'A9',
    file: everywhere,
    from: '&& waiting.isSettled()',
    to: '',
  },
  {
    name: 'generation-ends-unnoticed-while-waiting',
    file: everywhere,
    from: "if (register === 'other')\n            return undefined;",
    to: "if (register === 'other')\n            return [];",
  },
  {
    name: 'generations-are-compared',
    hole: 'A7',
    file: held,
    from: 'return generation !== this.#log.generation;',
    to: 'return false;',
  },
  {
    name: 'memory-survives-a-generation',
    hole: 'A8',
    file: 'cache/applier.js',
    from: '        held.dropAll();',
    to: '',
  },
  {
    name: 'joins-though-fenced',
    first: 45,
    hole: 'A3b',
    file: reader,
    from: 'if (this.#parts.held.isFenced)\n            return undefined;\n        if (judge.intents',
    to: 'if (judge.intents',
  },
  {
    name: 'joins-doomed-flights',
    hole: 'A3',
    file: reader,
    from: 'return position < doomedFrom && (beganMs <= flight.beganMs || beganMs < flight.sharedUntilMs);',
    to: 'return beganMs <= flight.beganMs || beganMs < flight.sharedUntilMs;',
  },
  {
    name: 'acknowledged-before-applied',
    file: member,
    from: 'const since = this.since();\n        const said = await server.sync(since,',
    to: 'const since = this.since();\n        since.applied += this.#applied.hasJoined && this.#acked > 0 ? 1 : 0;\n        const said = await server.sync(since,',
  },
  {
    name: 'wall-clock-not-looked-at',
    file: lease,
    from: 'isWithin(wall - this.#since.wall, heldMs);',
    to: 'true;',
  },
  {
    name: 'monotonic-clock-not-looked-at',
    first: 850,
    file: lease,
    from: 'isWithin(monotonic - this.#since.monotonic, heldMs) &&',
    to: '',
  },
  {
    name: 'flights-of-another-generation-are-kept',
    file: writer,
    from: 'if (flight.generation !== this.#parts.log.generation)\n            flight.doom(-Infinity);',
    to: '',
  },
  {
    name: 'snapshot-of-a-later-position',
    file: 'consistency/snapshots.js',
    from: 'n: applied, dump',
    to: 'n: applied + 1, dump',
  },
  {
    name: 'memory-survives-a-gap',
    file: applied,
    from: 'this.generation = generation;\n        this.n = n;',
    to: 'if (this.generation === generation) {\n            this.n = n;\n            this.#witness = "";\n            return;\n        }\n        this.generation = generation;\n        this.n = n;',
  },
  {
    name: 'fenced-for-memory-only',
    first: 320,
    hole: 'A5',
    file: reader,
    from: 'this.countMiss(request.key);\n        return this.#load(request);',
    to: 'const below = await this.#parts.lower.find(request.key, (parts) => this.#parts.held.isForeign(parts) || this.#parts.judge.verdict(parts) ? undefined : parts);\n        if (below !== undefined)\n            return below.value;\n        return this.#load(request);',
  },
  {
    name: 'what-was-declared-is-lost-with-the-tail',
    first: 775,
    file: member,
    from: 'this.#debt.repeat(missing);',
    to: '',
  },
  {
    name: 'records-of-several-names-end-the-first-only',
    file: judge,
    from: 'for (const name of reach.names)\n            this.#write(record, name);',
    to: 'for (const name of [...reach.names].slice(0, 1))\n            this.#write(record, name);',
  },
  {
    name: 'whoever-is-handed-a-token-does-not-wait',
    file: 'cache/up-to.js',
    from: 'log.catchUp();\n    if (isThere())\n        return;\n    for',
    to: 'log.catchUp();\n    if (log.generation === generation)\n        return;\n    for',
  },
  {
    name: 'soft-swallows-hard',
    file: judge,
    from: 'this.#ended(made) ?? (this.#soft.size === 0 ? undefined : this.#bounded(made));',
    to: '(this.#soft.size === 0 ? undefined : this.#bounded(made)) ?? this.#ended(made);',
  },
  {
    name: 'nobody-holds-off',
    first: 160,
    file: 'cache/lag.js',
    from: 'if (flight.holdOffMs > 0)',
    to: 'if (flight.holdOffMs < 0)',
  },
  {
    name: 'what-was-made-from-a-source-that-lags-is-kept',
    first: 245,
    file: 'cache/lag.js',
    from: 'within.sharedUntilMs = Math.min(within.sharedUntilMs, from.sharedUntilMs);',
    to: '',
  },
  {
    name: 'rules-are-lost-with-a-generation',
    file: 'cache/applier.js',
    from: 'rules: graph.rules(), intents };',
    to: 'rules: [], intents };',
  },
  {
    name: 'writes-of-the-dead-are-open-for-ever',
    first: 92,
    file: 'cache/mutations.js',
    from: 'this.#end(id, names);\n        if (next',
    to: ';\n        if (next',
  },
  {
    name: 'a-snapshot-without-what-was-invalidated',
    first: 320,
    file: 'cache/applier.js',
    from: 'judge: judge.dump(), intents',
    to: 'judge: undefined, intents',
  },
  {
    name: 'a-lease-though-some-records-were-not-told',
    first: 235,
    file: member,
    from: 'if (!this.take(said))\n            return false;\n        if (this.#debt',
    to: 'this.take(said);\n        if (this.#debt',
  },
  {
    name: 'soft-records-end-nothing-in-time',
    first: 185,
    file: judge,
    from: 'this.#softEnds.set(record.n, { wall: now + forMs, monotonic: monotonic + forMs });',
    to: 'this.#softEnds.set(record.n, { wall: Infinity, monotonic: Infinity });',
  },
  {
    name: 'a-hint-is-an-acknowledgement',
    file: everywhere,
    from: 'await until(register, looks, waiting);',
    to: 'const hint = register && waiting.server.acknowledged(register.said).then(() => nodes.map((node) => outcomeOf(node, n)));\n        const heard = await Promise.race([...(hint ? [hint] : []), until(undefined, looks, waiting)]);\n        if (heard !== undefined)\n            return heard;',
  },
  {
    name: 'to-be-reached-is-a-lease',
    file: member,
    from: 'this.#timer = clock.schedule(random() * spreadMs,',
    to: 'this.#lease.grant(this.#lease.moment());\n        this.#timer = clock.schedule(random() * spreadMs,',
  },
  {
    name: 'nobody-takes-turns',
    file: inTurn,
    from: 'return (await turns?.take(key)) ?? true;',
    to: 'return true;',
  },
  {
    name: 'a-turn-outlives-its-node',
    file: 'redis/turns.js',
    from: 'const turnMs = 3000;',
    to: 'const turnMs = 60_000;',
  },
  {
    name: 'a-turn-is-not-renewed',
    first: 127,
    file: 'redis/turns.js',
    from: 'const renewMs = 1000;',
    to: 'const renewMs = 1e9;',
  },
  {
    name: 'a-turn-is-not-given-up',
    file: inTurn,
    from: 'turns?.release(key).catch(',
    to: 'Promise.resolve().catch(',
  },
  {
    name: 'jobs-of-the-dead-are-left',
    first: 40,
    file: 'redis/queue.js',
    from: 'if (held.length === 0)\n                return isAny;',
    to: 'return false;',
  },
  {
    name: 'a-claim-without-an-answer-is-kept',
    first: 650,
    file: 'redis/queue.js',
    from: 'if (numberOf(held) > this.#held.size) {',
    to: 'if (false) {',
  },
  {
    name: 'what-failed-counts-as-completed',
    first: 105,
    file: 'invalidation/worker.js',
    from: "return { ...result, status: 'failed', startedAt, endedAt, error };",
    to: "return { ...result, status: 'completed', startedAt, endedAt, error: null };",
  },
  {
    name: 'what-is-older-than-what-was-invalidated-is-kept',
    first: 355,
    file: 'cache/lag.js',
    from: 'if (flight.asOfMs < Infinity && !flight.isOlder)',
    to: 'if (false)',
  },
  {
    name: 'what-was-claimed-is-lost-with-the-next-look',
    first: 2155,
    file: 'redis/queue.js',
    from: 'if (jobs.length === 0 || this.#closing !== undefined)\n                throw error;',
    to: 'throw error;',
  },
]
