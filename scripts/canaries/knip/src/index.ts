import { used } from './leaf.ts'

export const answer = used
