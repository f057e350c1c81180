/** What the show prints. */
import type pc from 'picocolors'
import { kinds, type Kind } from './census.ts'
import type { Proof } from './proof.ts'
import type { Count, Outcome, Went } from './stage.ts'

type Colors = ReturnType<typeof pc.createColors>

const listed = 8
const columns = ['before', 'went', 'stayed', 'loaded', 'after'] as const

export class Report {
  readonly #colors: Colors
  /** Left out of names, which would be long with it. */
  readonly #folder: string

  constructor(colors: Colors, folder: string) {
    this.#colors = colors
    this.#folder = folder
  }

  outcome(number: number, outcome: Outcome): string {
    const { bold, cyan, dim } = this.#colors
    const { title, to, went, stayed, staleMs, also, wentFromDaemon } = outcome
    const daemon = wentFromDaemon === null ? '' : dim(`, and ${wentFromDaemon} from the daemon's cache`)
    return [
      '',
      `${bold(`${number}  ${title}`)}  ${cyan(to)}`,
      ...this.#went(went),
      this.#line('stayed', `${stayed.length} of ${stayed.length + went.length}`),
      this.#line('stale', `everywhere after ${bold(`${staleMs} ms`)}${daemon}`),
      ...(also === null ? [] : [this.#line('late', also)]),
      ...this.table(outcome.counts),
      this.proof(outcome.proof),
      ...outcome.failures.slice(0, listed).map((failure) => this.#failure(failure)),
    ].join('\n')
  }

  table(counts: Readonly<Record<Kind, Count>>, shown: readonly (keyof Count)[] = columns): string[] {
    const { dim } = this.#colors
    const head = ['', ...shown].map((text, i) => (i === 0 ? ''.padEnd(10) : text.padStart(7)))
    const rows = kinds.map((kind) => {
      const cells = shown.map((column) => String(counts[kind][column] || '·').padStart(7))
      return `   ${dim(kind.padEnd(10))}${cells.join('')}`
    })
    return [`   ${dim(head.join(''))}`, ...rows]
  }

  proof({ served, held, stale }: Proof): string {
    const { bold, green, red } = this.#colors
    const mark = stale.length === 0 ? green('✓') : red('✗')
    const what = `checked ${served} served and ${held} held results against a fresh computation`
    return ` ${mark} ${what}: ${bold(`${stale.length} stale`)}`
  }

  #went(went: readonly Went[]): string[] {
    const { dim } = this.#colors
    const shown = went.slice(0, went.length > listed ? listed - 2 : listed)
    const width = Math.max(...shown.map(({ key }) => key.length))
    const lines = shown.map(({ key, because }, i) => {
      const reason = because === null ? '' : dim(`  because ${this.#short(because)}`)
      return this.#line(i === 0 ? 'went' : '', `${key.padEnd(width)}${reason}`)
    })
    const rest = went.length - shown.length
    return rest === 0 ? lines : [...lines, this.#line('', dim(`… and ${rest} more`))]
  }

  #line(name: string, text: string): string {
    return `   ${this.#colors.dim(name.padEnd(8))}${text}`
  }

  #failure(text: string): string {
    return ` ${this.#colors.red('✗')} ${this.#short(text)}`
  }

  #short(name: string): string {
    return name.replace(this.#folder, '…')
  }
}
