/**
 * From what the schema objects to, to problems that a person can mend.
 *
 * Invariant: every issue becomes at least one problem, with its path, what is there and what should be.
 */
import { z } from 'zod'
import { nearest, pathText, show, type Path, type Problem } from './problem.ts'
import { configSchema, type Config } from './schema.ts'
import { withoutSecret } from './secret.ts'

/** Says where the value, or the key, at a path was written. */
export type Locate = (path: Path, key?: string) => string

/** The configuration, or every problem in it. */
export function validate(input: unknown, locate: Locate): { config: Config } | { problems: Problem[] } {
  const { data, error } = configSchema.safeParse(input)
  if (data !== undefined) return { config: data }
  return { problems: error.issues.flatMap((issue) => problemsOf(issue, { input, locate })) }
}

interface Context {
  readonly input: unknown
  readonly locate: Locate
}

function problemsOf(issue: z.core.$ZodIssue, context: Context): Problem[] {
  const path = issue.path as Path
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(path, key, context))
  const nested = issue.code === 'invalid_union' ? meantBranch(issue.errors) : undefined
  if (nested === undefined) return [{ ...wrongValue(path, context), ...toldBy(issue) }]
  return nested.flatMap((inner) => problemsOf({ ...inner, path: [...path, ...inner.path] }, context))
}

/** The alternative whose kind of value was written, and whose inside is wrong. */
function meantBranch(branches: readonly z.core.$ZodIssue[][]): z.core.$ZodIssue[] | undefined {
  return branches.find((issues) =>
    issues.every(({ path, code }) => path.length > 0 || code === 'unrecognized_keys'),
  )
}

/** What the schema itself says was expected. */
function toldBy(issue: z.core.$ZodIssue): Pick<Problem, 'expected'> {
  const expected: unknown = issue.code === 'custom' ? issue.params?.expected : undefined
  return typeof expected === 'string' ? { expected } : {}
}

function unknownKey(parent: Path, key: string, { locate }: Context): Problem {
  const known = keysAt(parent)
  return {
    where: locate(parent, key),
    path: pathText([...parent, key]),
    found: 'a key that means nothing here',
    expected: `one of ${known.join(', ')}`,
    suggestion: nearest(key, known),
  }
}

function wrongValue(path: Path, { input, locate }: Context): Problem {
  const found = valueAt(input, path)
  const schema = schemasAt(path).find(({ description }) => description !== undefined)
  const words = schema instanceof z.ZodEnum ? schema.options.map(String) : []
  return {
    where: locate(path),
    path: pathText(path),
    found: show(withoutSecret(path, found)),
    expected: schema?.description ?? 'something else',
    suggestion: typeof found === 'string' ? nearest(found, words) : undefined,
  }
}

function valueAt(input: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, step) => (value as Record<string, unknown> | undefined)?.[step], input)
}

function keysAt(path: Path): string[] {
  const sections = schemasAt(path).filter((schema) => schema instanceof z.ZodObject)
  return sections.flatMap((section) => Object.keys(section.shape))
}

/** The schemas that a value at `path` may be of: itself, what it wraps, and the members of a union. */
function schemasAt(path: Path): z.ZodType[] {
  const starts = unwrap(configSchema)
  return path.reduce<z.ZodType[]>((schemas, step) => schemas.flatMap((schema) => below(schema, step)), starts)
}

function below(schema: z.ZodType, step: string | number): z.ZodType[] {
  if (schema instanceof z.ZodObject) return unwrap(schema.shape[step])
  if (schema instanceof z.ZodArray) return unwrap(schema.element)
  return schema instanceof z.ZodRecord ? unwrap(schema.valueType) : []
}

/** A schema with what it wraps, the described one first. */
function unwrap(schema: unknown): z.ZodType[] {
  if (!(schema instanceof z.ZodType)) return []
  const isWrapper =
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodNullable
  if (isWrapper) return unwrap(schema.unwrap())
  return schema instanceof z.ZodUnion ? [schema, ...schema.options.flatMap(unwrap)] : [schema]
}
