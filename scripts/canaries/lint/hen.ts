// Expect: import(no-cycle)
import { egg } from './egg.ts'

export const hen = (): unknown => egg
