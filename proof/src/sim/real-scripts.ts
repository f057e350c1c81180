/**
 * The library's own scripts of turns, queue and history on a real server, one by one with the same arguments.
 */
import type { Driver, Reply, Script } from './driver.ts'
import { prefix } from './driver.ts'
import type { StepOf } from './redis.ts'
import { differenceOf } from './same.ts'

/** No turn runs out by itself while a run is replayed: that is a step. */
const longer = 1000

export class RealScripts {
  readonly #client: Driver
  readonly #scripts: ReadonlyMap<string, Script>

  constructor(client: Driver, scripts: ReadonlyMap<string, Script>) {
    this.#client = client
    this.#scripts = scripts
  }

  async script({ args: [name, args], answer }: StepOf<'script'>): Promise<string | undefined> {
    if (name === 'turns.take') return this.#take(args.map(String), answer)
    const real = await this.#client.run(this.#script(name), args)
    return differenceOf(shownOf(name, real), shownOf(name, answer))
  }

  async command({ args: [command, key, args], answer }: StepOf<'command'>): Promise<string | undefined> {
    return differenceOf(await this.#client.call(command, key, ...args), answer)
  }

  async acks({ answer }: StepOf<'acks'>): Promise<string | undefined> {
    const reply = await this.#client.call('XREVRANGE', `${prefix}:acks`, '+', '-', 'COUNT', 1)
    const [newest] = reply as readonly (readonly Reply[])[]
    return differenceOf(Number.parseInt(String(newest?.[0] ?? 0), 10), answer)
  }

  /** Whoever has it is told so, and has it for as long as he asked for. */
  async #take([id = '', node = '', ms = '']: readonly string[], answer: Reply): Promise<string | undefined> {
    const lasts = Number(ms) * longer
    const real = await this.#client.run(this.#script('turns.take'), [id, node, lasts])
    if (real !== answer) return differenceOf(real, answer)
    const left = Number(await this.#client.call('PTTL', `${prefix}:turn:${id}`))
    return differenceOf({ hasTime: left > lasts / 2 && left <= lasts }, { hasTime: true })
  }

  #script(name: string): Script {
    const script = this.#scripts.get(name)
    if (script === undefined) throw new Error(`the library has no script ${name}`)
    return script
  }
}

/** Bytes as text, so that a difference can be read; times as numbers, which a server may write otherwise. */
function shownOf(name: string, reply: Reply): unknown {
  if (Array.isArray(reply)) return reply.map((each: Reply) => shownOf(name, each))
  if (!Buffer.isBuffer(reply)) return reply
  const text = reply.toString('latin1')
  return name === 'queue.due' && text !== '' ? Number(text) : text
}
