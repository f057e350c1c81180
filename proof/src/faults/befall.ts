/**
 * What can befall a node, its way to the server, and the server: each lasts a while, and is over when it resolves.
 */
import { setTimeout as after } from 'node:timers/promises'
import type { Dice } from '../crash/roles.ts'
import type { Node } from './nodes.ts'
import type { Fault } from './proxy.ts'
import type { Servers } from './servers.ts'

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
  async 'clock step'(node, dice) {
    const most = dice.of([300, 5000, 3_600_000])
    node.order({ do: 'clock', stepMs: dice.below(most * 2) - most })
    await after(300)
  },
  async flood(node, dice) {
    node.order({ do: 'flood', count: 100 + dice.below(900) })
    await after(300)
  },
}

const said =
  (...words: readonly string[]): Befall<Servers> =>
  async (servers) => {
    await servers.ask(...words)
    await after(300)
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
  FLUSHALL: said('FLUSHALL'),
  'DEL log': said('DEL', '{faults}:log'),
  'DEL meta': said('DEL', '{faults}:meta'),
  'DEL nodes': said('DEL', '{faults}:nodes'),
  'DEL snapshot': said('DEL', '{faults}:snapshot'),
  'CLIENT KILL': said('CLIENT', 'KILL', 'TYPE', 'normal'),
  'SCRIPT FLUSH': said('SCRIPT', 'FLUSH'),
}
