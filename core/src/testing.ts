/**
 * `staleproof/testing`: what a tier, or a log, of your own has to keep, as cases for whatever test runner you use.
 */
export type { Case } from './testing/case.ts'
export { logCases } from './testing/log.ts'
export type { LogCasesOptions } from './testing/log.ts'
export type { OpenBacking, OpenedBacking } from './testing/place.ts'
export { sharedTierCases } from './testing/shared-tier.ts'
export { tierCases } from './testing/tier.ts'
export type { TierCasesOptions } from './testing/tier.ts'
