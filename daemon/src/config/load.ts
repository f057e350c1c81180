/**
 * The effective configuration: what the defaults, the file, the environment and the flags say together.
 *
 * Invariants: flag > environment > file > default, setting by setting. Folders to watch are the exception: those
 * of flag and environment come on top of the file's, since watching more never leaves anything stale. Paths in
 * the file are relative to the file, others to the working folder; in the result they are absolute.
 */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { StaleproofError } from 'staleproof'
import { ConfigDocument } from './document.ts'
import { inputs, unknownVariables, watchPath, type Input } from './inputs.ts'
import { invalidConfig, pathText, type Path } from './problem.ts'
import type { Config } from './schema.ts'
import { withFiles } from './redis.ts'
import { validate } from './validate.ts'

/** What was given besides the file: texts of the flags by path (`server.port`), and the environment. */
export interface Given {
  readonly file?: string | undefined
  readonly flags?: Readonly<Record<string, readonly string[]>> | undefined
  readonly env: NodeJS.ProcessEnv
  readonly folder: string
}

export interface LoadedConfig {
  readonly config: Config
  /** Where a setting came from: `staleproof.yaml:3:9`, `STALEPROOF_PORT`, `--port` or `default`. */
  readonly originOf: (path: Path) => string
  readonly warnings: readonly string[]
}

/** @throws E_CONFIG_INVALID with every problem, E_CONFIG_FILE_UNREADABLE */
export function loadConfig(given: Given): LoadedConfig {
  const file = given.file ?? (given.env.STALEPROOF_CONFIG || undefined)
  const draft = new Draft(file === undefined ? undefined : readDocument(file, given.folder))
  for (const input of inputs) overlay(draft, input, given)
  const outcome = validate(draft.content, (path, key) => draft.placeOf(path, key))
  if ('problems' in outcome) throw invalidConfig(outcome.problems)
  const fileFolder = resolve(given.folder, dirname(file ?? ''))
  return {
    config: absolutePaths(outcome.config, (path) => (draft.isFromFile(path) ? fileFolder : given.folder)),
    originOf: (path) => draft.originOf(path),
    warnings: unknownVariables(given.env),
  }
}

function readDocument(file: string, folder: string): ConfigDocument {
  try {
    return new ConfigDocument(file, readFileSync(resolve(folder, file), 'utf8'))
  } catch (cause) {
    if (cause instanceof StaleproofError) throw cause
    const message = `cannot read the configuration file ${file}: ${(cause as Error).message}`
    throw new StaleproofError('E_CONFIG_FILE_UNREADABLE', message, { cause, details: { file } })
  }
}

/** Puts what a flag says over what its variable says, and that over the file. */
function overlay(draft: Draft, { path, flag, env, read }: Input, given: Given): void {
  const flags = given.flags?.[pathText(path)] ?? []
  const variable = given.env[env]
  const flagName = flag.split(' ')[0] ?? flag
  if (pathText(path) === pathText(watchPath)) {
    draft.append(path, flags.flatMap(read), flagName)
    if (variable !== undefined) draft.append(path, read(variable) as unknown[], env)
    return
  }
  const last = flags.at(-1)
  if (last !== undefined) draft.put(path, read(last), flagName)
  else if (variable !== undefined) draft.put(path, read(variable), env)
}

/** What the file says, with what is put over it, and where each came from. */
class Draft {
  content: unknown
  readonly #document: ConfigDocument | undefined
  /** Path -> the flag or variable that gave it. */
  readonly #overlaid = new Map<string, string>()

  constructor(document: ConfigDocument | undefined) {
    this.#document = document
    this.content = structuredClone(document?.content ?? {})
  }

  put(path: Path, value: unknown, origin: string): void {
    const parent = this.#parentOf(path)
    const key = path.at(-1)
    if (parent === undefined || key === undefined) return
    parent[key] = value
    this.#overlaid.set(pathText(path), origin)
  }

  append(path: Path, items: readonly unknown[], origin: string): void {
    if (items.length === 0) return
    const parent = this.#parentOf(path)
    const key = path.at(-1) ?? ''
    const list = parent?.[key] ?? []
    if (parent === undefined || !Array.isArray(list)) return
    items.forEach((_, at) => this.#overlaid.set(pathText([...path, list.length + at]), origin))
    parent[key] = [...list, ...items]
  }

  /** For an error: there is always some place to look at. */
  placeOf(path: Path, key?: string): string {
    const overlaid = this.#overlaidAt(path)
    if (overlaid !== undefined || this.#document === undefined) return overlaid ?? 'configuration'
    return key === undefined ? this.#document.placeOf(path) : this.#document.placeOfKey(path, key)
  }

  originOf(path: Path): string {
    const overlaid = this.#overlaidAt(path)
    if (overlaid !== undefined) return overlaid
    return this.isFromFile(path) ? (this.#document?.placeOf(path) ?? 'default') : 'default'
  }

  isFromFile(path: Path): boolean {
    return this.#overlaidAt(path) === undefined && this.#document?.has(path) === true
  }

  #overlaidAt(path: Path): string | undefined {
    const lengths = path.map((_, index) => path.length - index)
    const length = lengths.find((count) => this.#overlaid.has(pathText(path.slice(0, count))))
    return length === undefined ? undefined : this.#overlaid.get(pathText(path.slice(0, length)))
  }

  /** The section that holds the last step of a path; none if the file has something else in its place. */
  #parentOf(path: Path): Record<string | number, unknown> | undefined {
    return path.slice(0, -1).reduce<Record<string | number, unknown> | undefined>((section, step) => {
      if (section === undefined) return undefined
      section[step] ??= {}
      return asSection(section[step])
    }, asSection(this.content))
  }
}

function asSection(value: unknown): Record<string | number, unknown> | undefined {
  const isSection = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isSection ? (value as Record<string | number, unknown>) : undefined
}

function absolutePaths(config: Config, baseOf: (path: Path) => string): Config {
  const absolute = (path: string, at: Path) => resolve(baseOf(at), path)
  const files = config.sources.files.map((folder, index) => ({
    ...folder,
    path: absolute(folder.path, [...watchPath, index, 'path']),
  }))
  const file = config.log.file === null ? null : absolute(config.log.file, ['log', 'file'])
  return {
    ...config,
    ...(config.redis === undefined ? {} : { redis: withFiles(config.redis, absolute) }),
    data: config.data === false ? false : absolute(config.data, ['data']),
    sources: { ...config.sources, files },
    log: { ...config.log, file },
  }
}
