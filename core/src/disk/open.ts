/**
 * Opens a directory: its environment, the tail that processes share, and this process among its nodes.
 */
import { randomUUID } from 'node:crypto'
import type { Clock } from '../model/clock.ts'
import { Environment } from './environment.ts'
import { Nodes } from './nodes.ts'
import { openTail, type Tail } from './tail.ts'

export interface Sizes {
  readonly path: string
  readonly bytesMax: number
  readonly entryBytesMax: number
}

export interface Opened {
  readonly environment: Environment
  readonly tail: Tail
  readonly nodes: Nodes
}

/** Joined before anything is read: what is damaged may end this process, and that has to be counted. */
export function openDirectory(
  sizes: Sizes,
  { clock, onError }: { readonly clock: Clock; readonly onError: (error: unknown, during: string) => void },
): Opened {
  let joined: Pick<Opened, 'tail' | 'nodes'> | undefined
  const onPrepared = (directory: string) => {
    const tail = openTail(directory)
    const nodes = new Nodes({ directory, tail, clock, onError, id: randomUUID() })
    nodes.join()
    joined = { tail, nodes }
  }
  try {
    const environment = new Environment({ ...sizes, nowMs: clock.now(), onPrepared })
    return { environment, ...(joined as Pick<Opened, 'tail' | 'nodes'>) }
  } catch (error) {
    joined?.nodes.leave()
    joined?.tail.close()
    throw error
  }
}
