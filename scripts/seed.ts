/**
 * The seed of the property tests: the same in each run, so that what goes red was changed.
 * `SEED=7 npm run test:unit -- core` looks elsewhere, and so do the long runs of `proof`.
 */
import fc from 'fast-check'

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(process.env.SEED ?? 20_261_123) })
