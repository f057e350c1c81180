/**
 * Assembles the parts of a cache: each is lent what it needs of the others.
 *
 * Invariant: what lies behind may apply records only when all who take part in that are there: the first `catchUp` is
 * asked for at the end.
 */
import type { Backing, Beneath } from '../backing/contract.ts'
import { Graph } from '../graph/graph.ts'
import type { Reads } from '../loading/load.ts'
import { Judge } from '../log/judge.ts'
import type { Log } from '../log/contract.ts'
import { Events, type NodeEvent } from '../model/event.ts'
import { nearTier } from '../tiers/open.ts'
import { Policies } from '../ttl/policies.ts'
import { Applier } from './applier.ts'
import { Bringing } from './bringing.ts'
import { noCounts, type Counts } from './counts.ts'
import { Declarations } from './declarations.ts'
import type { ExplainParts } from './explain.ts'
import { Held } from './held.ts'
import { Invalidations } from './invalidations.ts'
import { Lower } from './lower.ts'
import { openBacking } from './open-backing.ts'
import { settle, type CacheOptions, type Settings } from './options.ts'
import { Mutations } from './mutations.ts'
import { Reader } from './reader.ts'
import { Writer } from './writer.ts'

export interface Parts {
  readonly settings: Settings
  readonly policies: Policies
  readonly counts: Counts
  readonly events: Events
  readonly graph: Graph
  readonly judge: Judge
  readonly backing: Backing
  /** A tier of this node alone, under the log of the backing. */
  readonly beneath: Beneath | undefined
  readonly log: Log
  readonly held: Held
  readonly applier: Applier
  readonly lower: Lower
  readonly stack: ExplainParts
  readonly writer: Writer
  readonly reader: Reader
  readonly bringing: Bringing
  readonly declarations: Declarations
  readonly work: Invalidations
  readonly mutations: Mutations
}

export interface ToAssemble {
  readonly options: CacheOptions
  /** Whose flights they are. */
  readonly owner: object
  readonly reads: Reads
}

/** @throws E_OPTIONS_INVALID and others that name the option; what the backing throws */
export function assemble({ options, owner, reads }: ToAssemble): Parts {
  const settings = settle(options)
  const { clock, random, automatic } = settings
  const policies = new Policies(options.policies ?? {}, options.ttl)
  const [graph, events, counts] = [new Graph(), new Events(), noCounts()]
  const heard = policies.holdsOff ? () => clock.monotonic() : () => 0
  const times = { now: () => clock.now(), monotonic: () => clock.monotonic(), heard }
  const judge = new Judge(settings.ledgerBytesMax, (name) => graph.declaredAbove(name), times)
  const onError = (error: unknown, during: string) => events.emit('error', { error, during })
  const onNode = (event: NodeEvent) => events.emit('node', event)
  const made = { applier: () => applier, held: () => held, work: () => work, lower: () => lower }
  const later = { ...made, declarations: () => declarations }
  const { backing, beneath } = openBacking({ settings, policies, judge, later, onError, onNode })
  const { log, queue, history, turns } = backing
  const shared = { clock, random, events, graph, judge, counts, log }
  const held = new Held({ ...shared, openNear: (onLeave) => nearTier(options.memory ?? {}, onLeave) })
  const mutations = new Mutations({ ...shared, work: later.work })
  const applier = new Applier({ ...shared, held, onIntent: (intent) => mutations.begun(intent) })
  const near = beneath === undefined ? [] : [beneath.tier]
  const lower = new Lower({ ...shared, near, tiers: settings.tiers, shared: backing.shared })
  const worth = () => (backing.state?.name === 'redis' ? backing.state.worth : null)
  const stack = { ...shared, applier, held, lower, worth, clockSkewMs: settings.clockSkewMs }
  const values = options.memory === false ? 'as-is' : (options.memory?.values ?? 'as-is')
  const writer = new Writer({ ...stack, limits: settings.graph, values })
  const reader = new Reader({ ...stack, owner, automatic, policies, writer, reads, turns })
  const bringing = new Bringing({ ...stack, owner, policies, writer })
  const declarations: Declarations = new Declarations({ ...stack, inheritance: writer.inheritance })
  log.catchUp()
  // Of entries that left before this process began nothing is known.
  held.past.low = log.applied
  const work: Invalidations = new Invalidations({ ...stack, queue, history, settings, onError, options })
  return {
    ...{ settings, policies, counts, events, graph, judge, backing, beneath, log, held },
    ...{ applier, lower, stack, writer, reader, bringing, declarations, work, mutations },
  }
}
