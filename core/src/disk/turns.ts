/**
 * Which of the processes of a directory loads a key: in shared memory, or in rows where there is none.
 */
import { join } from 'node:path'
import type { Environment } from './environment.ts'
import { MemoryTurns } from './memory-turns.ts'
import type { Nodes } from './nodes.ts'
import { RowTurns } from './row-turns.ts'

export type DiskTurns = MemoryTurns | RowTurns

const fileName = 'turns'

export function openTurns(environment: Environment, nodes: Nodes): DiskTurns {
  return process.platform === 'win32'
    ? new RowTurns(environment, nodes)
    : new MemoryTurns(join(environment.path, fileName), nodes)
}
