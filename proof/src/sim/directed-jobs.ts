/**
 * Directed schedules of turns and of the queue: what chance rarely brings about between two nodes.
 */
import type { Argument, Reply } from './driver.ts'

/** Runs a script of the library on the simulated server. */
export interface Scripted {
  script(name: string, ...args: readonly Argument[]): Reply
  /** The clock of the server goes on. */
  pass(ms: number): void
}

const [ours, theirs] = [
  ['a', 'a#1'],
  ['b', 'b#1'],
] as const
type Holder = typeof ours | typeof theirs
const now = '1000'

/** ARGV[3..10], where a script puts a record. */
function record(id: string, status: string): readonly string[] {
  return [id, status, '0'.repeat(16), '', '', `${id} ${status}`, '0', '100']
}

function add(server: Scripted, id: string, { due = now, rank = '1' } = {}): void {
  server.script('queue.add', ...ours, ...record(id, 'pending'), `job ${id}`, 'background', rank, due, '100')
}

/** @returns the seat of the first that is due */
function look(server: Scripted, holder: Holder, time = now): string {
  const reply = server.script('queue.look', ...holder, time, '10', 'background', 'scheduled')
  const [, , , , seen] = reply as readonly Reply[]
  return String((seen as readonly Reply[])[1] ?? '')
}

function claim(server: Scripted, holder: Holder, id: string): string {
  const seat = look(server, holder)
  server.script('queue.claim', ...holder, id, seat)
  return seat
}

function begin(server: Scripted, holder: Holder, id: string): void {
  server.script('queue.begin', ...holder, ...record(id, 'running'), '1')
}

function done(server: Scripted, holder: Holder, isAskedAgain = '0'): void {
  server.script('queue.done', ...holder, ...record('j', 'completed'), isAskedAgain)
}

/** What a node that claimed it holds now. */
function seatOf(server: Scripted, holder: Holder): string {
  const [, , seen] = server.script('queue.own', ...holder, '') as readonly Reply[]
  return String((seen as readonly Reply[])[1] ?? '')
}

function giveBack(server: Scripted, seat: string, holder: Holder = theirs): void {
  server.script('queue.giveBack', ...holder, ...record('j', 'pending'), seat, 'job j, again')
}

/** What happens -> how. */
export const jobSchedules: Readonly<Record<string, (server: Scripted) => void>> = {
  'a turn is asked for, kept and given up': (server) => {
    for (const node of ['a', 'b', 'a']) server.script('turns.take', 'k', node, '3000')
    for (const node of ['b', 'a', 'a']) server.script('turns.release', 'k', node)
    server.script('turns.take', 'k', 'b', '3000')
  },
  'a turn runs out': (server) => {
    server.script('turns.take', 'k', 'a', '3000')
    server.pass(3001)
    server.script('turns.take', 'k', 'b', '3000')
    server.script('turns.release', 'k', 'a')
  },
  'two see a job, and both claim it': (server) => {
    add(server, 'j')
    const seat = claim(server, ours, 'j')
    server.script('queue.claim', ...theirs, 'j', seat)
    for (const holder of [theirs, ours]) done(server, holder)
  },
  'a job of a node that is gone is taken back, and that node comes back': (server) => {
    add(server, 'j')
    claim(server, ours, 'j')
    begin(server, ours, 'j')
    const seat = seatOf(server, ours)
    server.pass(10_001)
    look(server, theirs)
    server.script('queue.gone', ...theirs)
    giveBack(server, seat)
    claim(server, theirs, 'j')
    done(server, ours)
    done(server, theirs)
  },
  'a job of a node that lives is to be taken back': (server) => {
    add(server, 'j')
    claim(server, ours, 'j')
    server.pass(9000)
    server.script('queue.gone', ...theirs)
    giveBack(server, seatOf(server, ours))
    begin(server, ours, 'j')
  },
  'a job is put off': (server) => {
    add(server, 'j')
    claim(server, ours, 'j')
    server.script('queue.release', ...ours, ...record('j', 'pending'), 'job j, later', '1', '2000')
    server.script('queue.due', ...ours)
    look(server, theirs)
    look(server, theirs, '2000')
  },
  'a job is early, and goes first when it is due': (server) => {
    add(server, 'late', { due: '2000', rank: '1' })
    add(server, 'j', { rank: '2' })
    look(server, ours)
    look(server, ours, '2000')
  },
  'a job is added again': (server) => {
    add(server, 'j')
    add(server, 'j')
    claim(server, ours, 'j')
    add(server, 'j')
    done(server, ours)
    add(server, 'j')
  },
  'an end is asked for again': (server) => {
    add(server, 'j')
    claim(server, ours, 'j')
    done(server, ours)
    for (const isAskedAgain of ['0', '1']) done(server, ours, isAskedAgain)
    server.script('history.put', 'a', ',failed,', ...record('j', 'failed'))
    done(server, ours, '1')
  },
  'a job is claimed by its name, and removed': (server) => {
    add(server, 'j')
    const seat = look(server, theirs)
    server.script('queue.find', ...ours, 'j', '1')
    server.script('queue.find', ...theirs, 'j', '0')
    server.script('queue.remove', ...theirs, ...record('j', 'cancelled'), seat)
    giveBack(server, seatOf(server, ours), ours)
    server.script('queue.remove', ...theirs, ...record('j', 'cancelled'), look(server, theirs))
  },
}
