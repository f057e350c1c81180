import { systemClock, systemRandom } from '../src/model/clock.ts'

/** What a client of Redis is lent. */
export const surroundings = { clock: systemClock(), random: systemRandom }
