/**
 * A model of the clocks behind a lease: one node that holds what an invalidation takes out, and one invalidator who
 * waits until the lease of that node must be over. Time goes in ticks.
 *
 * The node asks the log and may be answered late; it may be paused, and suspended together with its machine, when its
 * monotonic clock stands still and its wall clock goes on. Rates differ: once in a run the clock of the node may miss a
 * tick, and once that of the invalidator may count one too many. The wall clock of the node may once step back, by more
 * than any pause: a machine that goes on with both of its clocks a little behind cannot tell.
 *
 * Promise: once the invalidator has resolved, the node does not serve what it holds, unless it has applied the record.
 */
import type { Model, Visit } from './checker.ts'

export interface LeaseRules {
  /** A lease begins when the log was asked, and not when it answered. */
  leaseBeginsAtAsking: boolean
  /** A lease is looked at when something is read, and not ended by a timer. */
  leaseIsCheckedOnReading: boolean
  /** A lease is over when either clock says so, wall or monotonic. */
  bothClocksCount: boolean
  /** The node takes off, and the invalidator adds, as much as their clocks may differ. */
  ratesAreAllowedFor: boolean
  /** The node takes it off by its wall clock, too, which alone counts while the machine is suspended. */
  ratesAreAllowedForByTheWallClock: boolean
  /** A wall clock that is before the time of asking ends the lease. */
  wallClockBehindEndsTheLease: boolean
}

export const allLeaseRules: LeaseRules = {
  leaseBeginsAtAsking: true,
  leaseIsCheckedOnReading: true,
  bothClocksCount: true,
  ratesAreAllowedFor: true,
  ratesAreAllowedForByTheWallClock: true,
  wallClockBehindEndsTheLease: true,
}

const leaseTicks = 3
/** As far as it is counted: more makes no difference to anybody. */
const ticksMax = 5
/** What a wall clock has counted that stepped back, for as long as a run lasts. */
const farBack = -1

/** What the clocks of the node have counted since it asked. */
interface Since {
  readonly monotonic: number
  readonly wall: number
}

export interface Leases {
  readonly held: Since | undefined
  /** A question on its way, and whether the log has answered it, and with the record. */
  readonly asked: (Since & { readonly answer: 'none' | 'without' | 'with' }) | undefined
  readonly hasApplied: boolean
  readonly isAppended: boolean
  /** What the invalidator has counted since the append was answered. */
  readonly waited: number
  readonly hasResolved: boolean
  readonly isSuspended: boolean
  /** With a timer instead of a look: whether it has rung since the lease was over. */
  readonly isFenced: boolean
  readonly slowTicks: number
  readonly fastTicks: number
  readonly suspensions: number
  readonly wallSteps: number
}

const start: Leases = {
  held: { monotonic: 0, wall: 0 },
  asked: undefined,
  hasApplied: false,
  isAppended: false,
  waited: 0,
  hasResolved: false,
  isSuspended: false,
  isFenced: false,
  slowTicks: 1,
  fastTicks: 1,
  suspensions: 1,
  wallSteps: 1,
}

export function leases(rules: LeaseRules): Model<Leases> {
  return {
    start,
    moves(state, visit) {
      // Who has applied the record serves what is new, whatever comes.
      if (state.hasApplied) return
      timeMoves(state, visit)
      invalidatorMoves(state, rules, visit)
      if (!state.isSuspended) nodeMoves(state, rules, visit)
    },
    broken(state) {
      if (!state.hasResolved || state.hasApplied || !serves(state, rules)) return undefined
      return 'the invalidation has resolved, and the node serves what it held before'
    },
    key: keyOf,
  }
}

function timeMoves(state: Leases, visit: Visit<Leases>): void {
  const { slowTicks, fastTicks, suspensions, wallSteps, isSuspended } = state
  visit('a tick', ticked(state, 1, 1))
  if (slowTicks > 0)
    visit('a tick, which the clocks of the node miss', { ...ticked(state, 0, 1), slowTicks: slowTicks - 1 })
  if (fastTicks > 0)
    visit('a tick, which the clock of the invalidator counts twice', {
      ...ticked(state, 1, 2),
      fastTicks: fastTicks - 1,
    })
  if (isSuspended) visit('the machine of the node goes on', { ...state, isSuspended: false })
  else if (suspensions > 0)
    visit('the machine of the node is suspended', {
      ...state,
      isSuspended: true,
      suspensions: suspensions - 1,
    })
  if (wallSteps > 0)
    visit('the wall clock of the node steps back', {
      ...state,
      held: state.held && { ...state.held, wall: farBack },
      asked: state.asked && { ...state.asked, wall: farBack },
      wallSteps: wallSteps - 1,
    })
}

function ticked(state: Leases, atNode: number, atInvalidator: number): Leases {
  const aged = <Clocks extends Since>(since: Clocks): Clocks => ({
    ...since,
    monotonic: Math.min(ticksMax, since.monotonic + (state.isSuspended ? 0 : atNode)),
    wall: since.wall === farBack ? farBack : Math.min(ticksMax, since.wall + atNode),
  })
  return {
    ...state,
    held: state.held && aged(state.held),
    asked: state.asked && aged(state.asked),
    waited: state.isAppended ? Math.min(ticksMax, state.waited + atInvalidator) : 0,
  }
}

function invalidatorMoves(state: Leases, { ratesAreAllowedFor }: LeaseRules, visit: Visit<Leases>): void {
  if (!state.isAppended) visit('invalidator: appends its record', { ...state, isAppended: true })
  const waits = leaseTicks + (ratesAreAllowedFor ? 1 : 0)
  if (!state.hasResolved && state.waited > waits)
    visit('invalidator: has waited for the lease to end, and resolves', {
      ...state,
      hasResolved: true,
      waited: ticksMax,
    })
}

function nodeMoves(state: Leases, rules: LeaseRules, visit: Visit<Leases>): void {
  const { asked, isAppended } = state
  if (asked === undefined)
    visit('node: asks the log', { ...state, asked: { monotonic: 0, wall: 0, answer: 'none' } })
  else if (asked.answer === 'none')
    visit(`log: answers ${isAppended ? 'with the record' : 'that there is nothing new'}`, {
      ...state,
      asked: { ...asked, answer: isAppended ? 'with' : 'without' },
    })
  else {
    const { monotonic, wall, answer } = asked
    const held = rules.leaseBeginsAtAsking ? { monotonic, wall } : { monotonic: 0, wall: 0 }
    const hasApplied = state.hasApplied || answer === 'with'
    visit('node: hears the answer, and has a lease', {
      ...state,
      asked: undefined,
      held,
      hasApplied,
      isFenced: false,
    })
  }
  if (!rules.leaseIsCheckedOnReading && !state.isFenced && !isWithin(state.held, rules))
    visit('node: the timer of its lease rings', { ...state, isFenced: true })
}

function serves(state: Leases, rules: LeaseRules): boolean {
  if (state.isSuspended) return false
  return rules.leaseIsCheckedOnReading ? isWithin(state.held, rules) : !state.isFenced
}

function isWithin(held: Since | undefined, rules: LeaseRules): boolean {
  if (held === undefined) return false
  const { monotonic, wall } = held
  const margin = rules.ratesAreAllowedFor ? 1 : 0
  if (monotonic > leaseTicks - margin) return false
  if (!rules.bothClocksCount) return true
  const wallMargin = rules.ratesAreAllowedForByTheWallClock ? margin : 0
  return wall <= leaseTicks - wallMargin && (wall >= 0 || !rules.wallClockBehindEndsTheLease)
}

function keyOf(state: Leases, bytes: Uint8Array): number {
  const { held, asked, waited } = state
  const answers = { none: 1, without: 2, with: 3 }
  bytes[0] = held === undefined ? 0 : 1 + held.monotonic
  bytes[1] = held === undefined ? 0 : 2 + held.wall
  bytes[2] = asked === undefined ? 0 : answers[asked.answer] * 16 + asked.monotonic
  bytes[3] = asked === undefined ? 0 : 2 + asked.wall
  bytes[4] = waited
  const flags = [state.hasApplied, state.isAppended, state.hasResolved, state.isSuspended, state.isFenced]
  bytes[5] = flags.reduce((sum, flag) => sum * 2 + Number(flag), 0)
  bytes[6] = ((state.slowTicks * 4 + state.fastTicks) * 4 + state.suspensions) * 4 + state.wallSteps
  return 7
}
