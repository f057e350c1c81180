/**
 * Mutations: mistakes that somebody could make in the library, each of which a property has to find.
 *
 * `from` is text of the emitted JavaScript. A mutation that no property finds is a defect of the properties.
 */
export interface Mutation {
  /** What the mutant does wrong; the name of its folder, too. */
  readonly name: string
  /** Those that it breaks: the properties of these must find it. */
  readonly invariants: readonly number[]
  /** Below core/dist. */
  readonly file: string
  readonly from: string
  readonly to: string
}

const reader = 'cache/reader.js'
const writer = 'cache/writer.js'
const held = 'cache/held.js'
const applier = 'cache/applier.js'
const inheritance = 'cache/inheritance.js'
const past = 'cache/past.js'
const judge = 'log/judge.js'
const backlog = 'log/backlog.js'
const ledger = 'log/ledger.js'
const flight = 'loading/flight.js'

const ofFlights: readonly Mutation[] = [
  {
    name: 'errors-are-remembered-as-values',
    invariants: [3],
    file: writer,
    from: "kind: failed ? 'error' : 'value'",
    to: "kind: 'value'",
  },
  {
    name: 'joins-the-look-up-of-another-key',
    invariants: [3],
    file: 'cache/look-ups.js',
    from: 'this.#underWay.get(key)?.found;',
    to: '[...this.#underWay.values()][0]?.found;',
  },
  {
    name: 'takes-doomed-outcomes',
    invariants: [4],
    file: reader,
    from: 'return position < doomedFrom && (beganMs <= flight.beganMs || beganMs < flight.sharedUntilMs);',
    to: 'return beganMs <= flight.beganMs || beganMs < flight.sharedUntilMs;',
  },
  {
    name: 'doomed-only-for-later-callers',
    invariants: [4],
    file: flight,
    from: 'this.doom(this.stamp + 1,',
    to: 'this.doom(n + 1,',
  },
  {
    name: 'loads-do-not-hand-on-dependencies',
    invariants: [4, 18],
    file: reader,
    from: 'within.inherit({ dependencies: flight.dependencies, expiresAt });',
    to: '',
  },
  {
    name: 'stamp-at-the-end-of-the-load',
    invariants: [5],
    file: writer,
    from: '            stamp,\n            keyStamp,',
    to: '            stamp: this.#parts.log.applied,\n            keyStamp: this.#parts.log.applied,',
  },
  {
    name: 'flight-begins-when-it-ends',
    invariants: [4, 5],
    file: writer,
    from: 'async keepLoaded(flight, keep) {',
    to: 'async keepLoaded(flight, keep) {\n        flight.stamp = flight.keyStamp = this.#parts.log.applied;',
  },
  {
    name: 'kept-without-being-judged',
    invariants: [4],
    file: writer,
    from: "if (this.#isDoomed(flight))\n                return refused('doomed');",
    to: '',
  },
  {
    name: 'lower-tier-is-not-judged',
    invariants: [4],
    file: reader,
    from: 'const found = held.assess(entry);\n        if (found === undefined) {',
    to: "entry.verifiedAt = this.#parts.log.applied;\n        const found = { entry, state: 'fresh' };\n        if (false) {",
  },
  {
    name: 'fills-are-not-overtaken',
    invariants: [18],
    file: past,
    from: 'return Math.max(this.#ended.peek(name)?.endedN ?? 0, ',
    to: 'return Math.max(0, ',
  },
]

const ofStores: readonly Mutation[] = [
  {
    name: 'outlives-cached-inputs',
    invariants: [6],
    file: flight,
    from: 'this.expiresAt = Math.min(this.expiresAt, input.expiresAt);',
    to: '',
  },
  {
    name: 'outlives-inputs-that-were-loaded-for-it',
    invariants: [6],
    file: reader,
    from: 'const expiresAt = Math.min(flight.expiresAt, outcome.expiresAt);',
    to: 'const { expiresAt } = flight;',
  },
  {
    name: 'no-cap-in-the-tier',
    invariants: [6],
    file: writer,
    from: 'expiresAt: capAt } = flight',
    to: 'expiresAt } = flight, capAt = Infinity',
  },
  {
    name: 'forgets-without-raising-low',
    invariants: [7, 14],
    file: ledger,
    from: 'this.#low = Math.max(this.#low, this.#old.newest);',
    to: '{}',
  },
  {
    name: 'low-falls',
    invariants: [7],
    file: ledger,
    from: 'this.#low = Math.max(this.#low, this.#old.newest);',
    to: 'this.#low = this.#old.newest - (this.#low % 3) * 40;',
  },
  {
    name: 'older-position-replaces-a-newer-one',
    invariants: [7],
    file: 'log/table.js',
    from: 'if (known >= n)\n            return;',
    to: '',
  },
  {
    name: 'prefixes-of-one-length-share-the-oldest',
    invariants: [7],
    file: ledger,
    from: 'this.#prefixes.set(prefix.length, Math.max(n, this.#prefixes.get(prefix.length) ?? 0));',
    to: 'this.#prefixes.set(prefix.length, this.#prefixes.get(prefix.length) ?? n);',
  },
  {
    name: 'moves-by-two',
    invariants: [7],
    file: 'log/memory.js',
    from: 'const n = this.#applied + 1;',
    to: 'const n = this.#applied + (change.names.length > 1 ? 2 : 1);',
  },
  {
    name: 'tokens-of-any-generation',
    invariants: [7],
    file: 'cache/bringing.js',
    from: 'since.generation === log.generation && since.n',
    to: 'since.n',
  },
  {
    name: 'entries-of-any-generation',
    invariants: [7],
    file: held,
    from: 'return generation !== this.#log.generation;',
    to: 'return false;',
  },
]

const ofRecords: readonly Mutation[] = [
  {
    name: 'told-while-others-are-still-held',
    invariants: [12],
    file: held,
    from: 'this.#untold = untold;',
    to: '',
  },
  {
    name: 'second-name-one-tick-later',
    invariants: [12],
    file: applier,
    from: 'this.#end(record, graph.declaredReach({ names: record.names, prefixes: record.prefixes ?? [] }));',
    to: `const [first, ...rest] = record.names;
        const end = (names, prefixes) => this.#end(record, graph.declaredReach({ names, prefixes }));
        end(first === undefined ? [] : [first], record.prefixes ?? []);
        if (rest.length > 0)
            queueMicrotask(() => end(rest, []));`,
  },
  {
    name: 'first-name-only',
    invariants: [12, 4],
    file: judge,
    from: 'for (const name of reach.names)\n            this.#write(record, name);',
    to: 'for (const name of [...reach.names].slice(0, 1))\n            this.#write(record, name);',
  },
  {
    name: 'below-low-is-valid',
    invariants: [14],
    file: ledger,
    from: 'if (n < this.#low)\n            return this.#low;',
    to: '',
  },
  {
    name: 'verified-without-being-judged',
    invariants: [14, 4],
    file: held,
    from: 'const found = entry.verifiedAt < this.freshSince ? this.assess(entry) : this.#aged(entry);',
    to: 'entry.verifiedAt = this.#parts.applied();\n        const found = this.#aged(entry);',
  },
  {
    name: 'restamped-when-judged',
    invariants: [14, 19],
    file: held,
    from: 'entry.verifiedAt = by === undefined ? this.#log.applied : neverVerified;\n        return undefined;',
    to: 'entry.verifiedAt = entry.stamp = entry.keyStamp = this.#log.applied;\n        return undefined;',
  },
  {
    name: 'swept-names-are-unlinked',
    invariants: [14],
    file: held,
    from: "if (why !== 'replaced')\n            this.#parts.graph.untrack(entry.key);",
    to: `const { graph } = this.#parts;
        if (why !== 'replaced') {
            graph.untrack(entry.key);
            for (const name of graph.linksOf(entry.key))
                graph.unlink(entry.key, name);
        }`,
  },
  {
    name: 'many-are-not-judged-again',
    invariants: [4, 14],
    file: held,
    from: 'this.freshSince = Math.max(this.freshSince, n);',
    to: '',
  },
  {
    name: 'lazy-is-logged-when-swept',
    invariants: [17],
    file: 'invalidation/perform.js',
    from: 'const position = await hands.append(changeOf(request, hands));',
    to: `const append = () => hands.append(changeOf(request, hands));
    const isLazy = request.strategy === 'lazy';
    const position = isLazy ? { generation: '-', n: 0 } : await append();
    if (isLazy)
        hands.clock.schedule(60_000, () => void append());`,
  },
  {
    name: 'memory-drops-only-what-was-named-first',
    invariants: [4, 17],
    file: applier,
    from: 'held.end(record, reach);',
    to: 'held.end(record, { prefixes: reach.prefixes, names: [...reach.names].slice(0, 1) });',
  },
  {
    name: 'lazy-ends-only-the-first-name',
    invariants: [17],
    file: 'invalidation/perform.js',
    from: 'const { names, id: by } = request;',
    to: "const { id: by } = request;\n    const names = request.strategy === 'lazy' ? request.names.slice(0, 1) : request.names;",
  },
]

const ofDependencies: readonly Mutation[] = [
  {
    name: 'reads-of-what-is-not-there-do-not-count',
    invariants: [18],
    file: 'cache/cache.js',
    from: 'return found instanceof Promise ? found.then(freshOf) : freshOf(found);',
    to: 'if (found === undefined)\n            within?.noted.delete(key);\n        return found instanceof Promise ? found.then(freshOf) : freshOf(found);',
  },
  {
    name: 'entries-looked-at-do-not-count',
    invariants: [18],
    file: 'cache/cache.js',
    from: 'within?.note(key);\n        // Taken first: what is found is judged after it.',
    to: '',
  },
  {
    name: 'hits-do-not-hand-on-dependencies',
    invariants: [18],
    file: reader,
    from: 'entry.reads++;\n        within?.inherit(entry);',
    to: 'entry.reads++;',
  },
  {
    name: 'peeks-do-not-count',
    invariants: [18],
    file: 'cache/cache.js',
    from: "checkName(key, 'key');\n            within.note(key);",
    to: "checkName(key, 'key');",
  },
  {
    name: 'only-direct-dependencies-are-stored',
    invariants: [18],
    file: writer,
    from: 'const dependencies = [...direct, ...flight.names(false)];',
    to: 'const dependencies = [...direct];',
  },
  {
    name: 'link-shares-no-past',
    invariants: [19],
    file: applier,
    from: 'if (last > 0)',
    to: 'if (last > record.n)',
  },
  {
    name: 'links-are-not-followed',
    invariants: [19],
    file: 'graph/reach.js',
    from: 'const closed = yield* this.#followLinks(fresh);',
    to: 'const closed = fresh;',
  },
  {
    name: 'tracked-dependencies-are-not-declared',
    invariants: [19],
    file: inheritance,
    from: 'if (undeclared.length > 0)',
    to: 'if (undeclared.length > 100)',
  },
  {
    name: 'new-dependencies-are-no-change',
    invariants: [19],
    file: inheritance,
    from: 'if (untold.length === 0)',
    to: 'if (untold.length >= 0)',
  },
  {
    name: 'named-entries-hand-nothing-on',
    invariants: [19],
    file: inheritance,
    from: 'for (const inherited of held.lineageOf(name))',
    to: 'for (const inherited of flight.named.has(name) ? [] : held.lineageOf(name))',
  },
  {
    name: 'named-entries-below-hand-nothing-on',
    invariants: [19],
    file: inheritance,
    from: 'for (const entry of await lower.entriesOf(names)) {',
    to: 'for (const entry of []) {',
  },
  {
    name: 'dependents-below-are-not-told',
    invariants: [19],
    file: inheritance,
    from: 'return lower.plain.length === 0 ? undefined : this.#askBelow(flight);',
    to: 'return undefined;',
  },
  {
    name: 'new-rules-end-nothing',
    invariants: [19],
    file: applier,
    from: 'const head = headOf(parsePattern(rule.dependent));',
    to: "const head = 'nothing begins with this';",
  },
  {
    name: 'unlink-takes-what-was-tracked',
    invariants: [19],
    file: 'cache/declarations.js',
    from: "const removed = (dependsOn ?? graph.linksOf(name)).filter((dependency) => !needed.has(dependency));\n        if (removed.length > 0)\n            await log.append({ kind: 'unlink', names: [name], dependsOn: removed });\n        await this.#close([name]);",
    to: "const removed = dependsOn ?? graph.linksOf(name);\n        if (removed.length > 0)\n            await log.append({ kind: 'unlink', names: [name], dependsOn: removed });",
  },
]

const ofWideRecords: readonly Mutation[] = [
  {
    name: 'open-records-end-nothing',
    invariants: [19],
    file: judge,
    from: 'return this.backlog.size === 0 || by?.untilMs === 0 ? by : this.#byOpen(made, by);',
    to: 'return by;',
  },
  {
    name: 'open-records-end-only-their-targets',
    invariants: [19],
    file: backlog,
    from: 'const above = this.#above(name);',
    to: 'const above = [name];',
  },
  {
    name: 'wide-records-are-closed-too-early',
    invariants: [19],
    file: backlog,
    from: 'if (done !== true)',
    to: 'if (done !== true && value !== undefined)',
  },
  {
    name: 'link-shares-no-past-with-open-records',
    invariants: [19],
    file: judge,
    from: 'const open = this.backlog.reaching(0, name).map(({ n }) => n);',
    to: 'const open = [];',
  },
  {
    name: 'wide-records-are-not-judged-again',
    invariants: [19],
    file: applier,
    from: 'held.endMany(record);',
    to: '',
  },
  {
    name: 'open-records-are-not-followed-by-rules',
    invariants: [19],
    file: 'graph/reach.js',
    from: 'if (rules.mayWrite(each))\n            return undefined;',
    to: '',
  },
  {
    name: 'open-soft-records-end-nothing',
    invariants: [21],
    file: judge,
    from: 'soonest = this.#sooner(soonest, name, n);',
    to: '',
  },
]

const ofGrace: readonly Mutation[] = [
  {
    name: 'grace-is-not-judged',
    invariants: [21],
    file: held,
    from: 'const found = entry.verifiedAt < this.freshSince ? this.assess(entry) : this.#aged(entry);',
    to: "const isFresh = this.#aged(entry)?.state === 'fresh';\n        const found = isFresh && entry.verifiedAt < this.freshSince ? this.assess(entry) : this.#aged(entry);",
  },
  {
    name: 'grace-outlives-invalidation',
    invariants: [21],
    file: held,
    from: 'if (by !== undefined && by.untilMs <= this.#clock.now())\n            return by;\n        // By the clock that lifetimes are looked up by: it is stale from this read on.\n        if (by !== undefined)\n            soften(entry, this.#clock.coarseNow(), by.untilMs);',
    to: 'if (by !== undefined && by.untilMs <= this.#clock.now() && entry.policy.graceMs === 0)\n            return by;\n        if (by !== undefined)\n            soften(entry, this.#clock.coarseNow(), Math.max(by.untilMs, this.#clock.now() + entry.policy.graceMs));',
  },
  {
    name: 'refresh-is-kept-without-being-judged',
    invariants: [21],
    file: writer,
    from: "if (this.#isDoomed(flight))\n                return refused('doomed');",
    to: "if (this.#isDoomed(flight) && this.#parts.held.near.look(flight.key) === undefined)\n                return refused('doomed');",
  },
  {
    name: 'soft-records-end-nothing-in-time',
    invariants: [21],
    file: judge,
    from: 'return leftMs > 0 ? now + leftMs : 0;',
    to: 'return now + Math.max(leftMs, 1);',
  },
  {
    name: 'soft-swallows-hard',
    invariants: [21],
    file: judge,
    from: 'this.#ended(made) ?? (this.#soft.size === 0 ? undefined : this.#bounded(made));',
    to: '(this.#soft.size === 0 ? undefined : this.#bounded(made)) ?? this.#ended(made);',
  },
]

export const mutations: readonly Mutation[] = [
  ...ofFlights,
  ...ofStores,
  ...ofRecords,
  ...ofDependencies,
  ...ofWideRecords,
  ...ofGrace,
]
