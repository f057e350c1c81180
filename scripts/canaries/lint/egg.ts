// Expect: import(no-cycle)
import { hen } from './hen.ts'

export const egg = (): unknown => hen
