/**
 * Every mutation that breaks an invariant of dependencies, of what is forgotten, or of grace, is found.
 */
import { dependencyInvariants, huntAll } from './hunt.ts'

await huntAll('dependencies', dependencyInvariants)
