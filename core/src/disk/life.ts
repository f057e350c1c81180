/**
 * Life: whether a process that says who it is still lives.
 *
 * It does if this machine has, since the same boot and in the same namespace, a process of that id that began at that
 * moment: an id alone may have been given to another by now.
 */
import { readFileSync, readlinkSync } from 'node:fs'

export interface Life {
  readonly pid: number
  /** Boot of the machine, and the namespace in which the id counts; '' where the system does not tell. */
  readonly boot: string
  readonly space: string
  /** Start of the process, in ticks since the boot; 0 where the system does not tell. */
  readonly startTick: number
}

export function ownLife(): Life {
  return { pid: process.pid, boot: bootId(), space: spaceId(), startTick: startTick(process.pid) }
}

/** unknown: it is in another namespace (a container), where nothing can be seen of it. */
export function stateOf(life: Life, own: Life): 'lives' | 'dead' | 'unknown' {
  if (life.boot !== own.boot) return 'dead'
  if (life.space !== own.space) return 'unknown'
  return isAlive(life.pid) && mayHaveBegun(life) ? 'lives' : 'dead'
}

/** Whether it is not known that the process of that id is another: of one of another user nothing may be told. */
function mayHaveBegun({ pid, startTick: told }: Life): boolean {
  const tick = startTick(pid)
  return told === 0 || tick === 0 || tick === told
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it lives, and is somebody else's.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/**
 * proc(5): field 22 of stat; the name in field 2 may have spaces. Never, of one that has ended and was not yet taken
 * note of by its parent (state Z or X in field 3): in a container that may be for as long as that runs.
 */
function startTick(pid: number): number {
  const stat = told(() => readFileSync(`/proc/${pid}/stat`, 'latin1'))
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' || fields[0] === 'X' ? -1 : Number(fields[19] ?? 0)
}

function bootId(): string {
  return told(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim())
}

function spaceId(): string {
  return told(() => readlinkSync('/proc/self/ns/pid'))
}

/** What the system tells, or '' where it does not. @throws if no more files can be opened: it might tell otherwise */
function told(ask: () => string): string {
  try {
    return ask()
  } catch (error) {
    if (['EMFILE', 'ENFILE'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    return ''
  }
}
