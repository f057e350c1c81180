/**
 * What can befall a node, its way to the server, and the server: each lasts a while, and is over when it resolves.
 */
import { setTimeout as after } from 'node:timers/promises'
import type { Dice } from '../crash/roles.ts'
import type { Node } from './nodes.ts'
import type { Fault } from './proxy.ts'
import type { Servers } from './servers.ts'
import type { Watched } from './watched.ts'

type Befall<T> = (whom: T, dice: Dice) => Promise<void>

/** Of a link, for so many ms at most, unless it heals by itself. */
const onLink = (fault: (dice: Dice) => Fault, mostMs: number): Befall<Node> => {
  return async ({ link }, dice) => {
    await link.switch(fault(dice))
    await after(100 + dice.below(mostMs))
    await link.switch({ is: 'pass' })
  }
}

export const ofLinks: Readonly<Record<string, Befall<Node>>> = {
  delay: onLink((dice) => ({ is: 'delay', ms: 1 + dice.below(60), jitterMs: 40 }), 2500),
  'long delay': onLink((dice) => ({ is: 'delay', ms: 100 + dice.below(500), jitterMs: 200 }), 2500),
  'half open': onLink(() => ({ is: 'drop', direction: 'both' }), 3000),
  'one way, down only': onLink(() => ({ is: 'drop', direction: 'up' }), 3000),
  'one way, up only': onLink(() => ({ is: 'drop', direction: 'down' }), 3000),
  reset: onLink(() => ({ is: 'reset' }), 900),
  refuse: onLink(() => ({ is: 'refuse' }), 1500),
  'cut in a request': onLink((dice) => ({ is: 'cut', direction: 'up', afterBytes: dice.below(4000) }), 300),
  'cut in an answer': onLink((dice) => ({ is: 'cut', direction: 'down', afterBytes: dice.below(4000) }), 300),
}

export const ofProcesses: Readonly<Record<string, Befall<Node>>> = {
  async SIGSTOP(node, dice) {
    node.signal('SIGSTOP')
    await after(50 + dice.below(2000))
    node.signal('SIGCONT')
  },
  async SIGKILL(node, dice) {
    await node.kill()
    await after(dice.below(500))
    await node.start()
  },
  /** Others write and invalidate meanwhile; the directory, if it has one, is the old one. */
  async 'SIGKILL, away for long'(node, dice) {
    await node.kill()
    await after(2000 + dice.below(6000))
    await node.start()
  },
  async 'clock step'(node, dice) {
    const most = dice.of([300, 5000, 3_600_000])
    node.step(dice.below(most * 2) - most)
    await after(300)
  },
  async flood(node, dice) {
    node.order({ do: 'flood', count: 100 + dice.below(900) })
    await after(300)
  },
}

const said =
  (...words: readonly string[]): Befall<Servers | Watched> =>
  async (servers) => {
    await servers.ask(...words)
    await after(300)
  }

/** Of a server, whoever sees to it that there is one. */
const ofAnyServer: Readonly<Record<string, Befall<Servers | Watched>>> = {
  async FLUSHALL(servers) {
    await servers.flush()
    await after(300)
  },
  'DEL log': said('DEL', '{faults}:log'),
  'DEL meta': said('DEL', '{faults}:meta'),
  'DEL nodes': said('DEL', '{faults}:nodes'),
  'DEL snapshot': said('DEL', '{faults}:snapshot'),
  'CLIENT KILL': said('CLIENT', 'KILL', 'TYPE', 'normal'),
  'SCRIPT FLUSH': said('SCRIPT', 'FLUSH'),
}

export const ofServers: Readonly<Record<string, Befall<Servers>>> = {
  'server stopped': (servers, dice) => servers.pause(50 + dice.below(2500)),
  'server killed, restarted': (servers, dice) => servers.restart(dice.below(500)),
  'server killed, restarted without its tail': (servers, dice) =>
    servers.restart(dice.below(500), 1 + dice.below(20_000)),
  'promotion, tail lost': (servers, dice) => servers.promote(dice.below(600)),
  async 'server full'(servers, dice) {
    await servers.ask('CONFIG', 'SET', 'maxmemory', '1')
    await after(100 + dice.below(2000))
    await servers.ask('CONFIG', 'SET', 'maxmemory', '0')
  },
  ...ofAnyServer,
}

/** Of a replica that is waited for. */
export const ofReplicas: Readonly<Record<string, Befall<Servers>>> = {
  'replica delayed': (servers, dice) =>
    servers.disturb({ is: 'delay', ms: 5 + dice.below(300), jitterMs: 50 }, 100 + dice.below(2500)),
  'replica cut off': (servers, dice) =>
    servers.disturb({ is: 'drop', direction: 'both' }, 100 + dice.below(2500)),
  'replica stopped': (servers, dice) => servers.pauseReplica(100 + dice.below(2500)),
}

/** Of servers that a sentinel watches. */
export const ofWatched: Readonly<Record<string, Befall<Watched>>> = {
  'primary killed': (watched) => watched.failOver('SIGKILL'),
  'primary stopped for good': (watched) => watched.failOver('SIGSTOP'),
  'primary stopped for a moment': (watched, dice) => watched.pause(50 + dice.below(800)),
  // For more than 2 s, and it trusts no clock and does nothing for 30 s.
  'sentinel stopped': (watched, dice) => watched.pauseSentinel(50 + dice.below(1500)),
  ...ofAnyServer,
}
