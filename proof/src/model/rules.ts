/**
 * The rules of the protocol between machines, each of which can be switched off. A rule that is switched off is a hole
 * of the first draft, or a mistake that an implementation could make.
 */
export interface Rules {
  /** A1: the record is appended after the source's own write can be seen. */
  appendAfterWrite: boolean
  /** A2: a writer that dies between its write and its record leaves what appends the record for it. */
  appendIsSure: boolean
  /** A3: a record dooms the flights that depend on its names, and nobody joins a doomed flight. */
  recordsDoomFlights: boolean
  /** A3b: only a node with a lease lets a reader join a flight. */
  joiningNeedsLease: boolean
  /** A4: a lease is granted only by a read of the log up to its tail. */
  leaseComesFromTheLog: boolean
  /** A5: a fenced node reads from no tier. */
  fencingCoversEveryTier: boolean
  /** The lease is looked at again after a tier has answered. */
  leaseIsCheckedAfterTheAnswer: boolean
  /** A6: what was made before the position at which a node joined is unusable to it. */
  lowIsWhereANodeJoined: boolean
  /** A7, A8: a log that may have lost its tail begins a new generation. */
  generations: boolean
  /** A node that finds a new generation drops its memory. */
  newGenerationDropsMemory: boolean
  /** A9: after a change of generation, a strict invalidation waits until the leases of before are over. */
  graceAfterNewGeneration: boolean
  /** A10: the invalidator times the end of a lease by its own clock, and asks nobody. */
  invalidatorTimesTheWait: boolean
  /** A11: a load from a replica that is older than what the node knows of is made from the primary. */
  replicaIsJudgedByAsOf: boolean
  /** A node that joins, or finds a new generation, asks the primary how far it is. */
  asOfIsKnownFromJoining: boolean
  /** What a load gave is kept only if nothing that it was made from was invalidated since. */
  outcomesAreJudged: boolean
  /** What the shared tier gave is judged by the node's own ledger. */
  answersAreJudged: boolean
  /** A node that finds a gap in the log drops its memory and raises `low`. */
  gapsAreNoticed: boolean
  /** A node that reads the log back notes each record before it lowers `low` below it. */
  readingBackNotesRecords: boolean
  /** The shared tier refuses an older stamp or generation. Nothing rests on it. */
  tierRefusesOlder: boolean
}

export const allRules: Rules = {
  appendAfterWrite: true,
  appendIsSure: true,
  recordsDoomFlights: true,
  joiningNeedsLease: true,
  leaseComesFromTheLog: true,
  fencingCoversEveryTier: true,
  leaseIsCheckedAfterTheAnswer: true,
  lowIsWhereANodeJoined: true,
  generations: true,
  newGenerationDropsMemory: true,
  graceAfterNewGeneration: true,
  invalidatorTimesTheWait: true,
  replicaIsJudgedByAsOf: true,
  asOfIsKnownFromJoining: true,
  outcomesAreJudged: true,
  answersAreJudged: true,
  gapsAreNoticed: true,
  readingBackNotesRecords: true,
  tierRefusesOlder: true,
}

/** How large a world is: what may happen in it, and how often. */
export interface Setting {
  nodes: number
  writes: number
  /** Promotions of a replica of Redis, which may lack the tail of the log. */
  failovers: number
  /** Records of other names. */
  foreign: number
  restarts: number
  /** Leases that end before they are renewed. */
  expiries: number
  /** Trims of the log, each as far as it likes. */
  trims: number
  /** Steps of the clock of Redis, which end a lease early there. */
  clockSteps: number
  /** Loads read a replica of the source, which lags. */
  readsReplica: boolean
  /** An entry is stamped with the start of its load, and not with the moment before its source was read. */
  stampsAtStart: boolean
  /** A node that joined reads the log back. */
  readsBack: boolean
}

export const smallest: Setting = {
  nodes: 2,
  writes: 1,
  failovers: 0,
  foreign: 0,
  restarts: 0,
  expiries: 0,
  trims: 0,
  clockSteps: 0,
  readsReplica: false,
  stampsAtStart: false,
  readsBack: false,
}

/** The world that all moves are made in. */
export interface World {
  rules: Rules
  setting: Setting
}
