import type { z } from 'zod'
import { Failure } from '../contract/errors.ts'
import type { RequestFault } from '../contract/rest/problem.ts'

/** `validation_failed` with a list of what is wrong. */
export function invalid(faults: readonly RequestFault[]): Failure {
  return new Failure('validation_failed', { errors: faults })
}

/**
 * A part of a request in the shape of its schema. Fails with `validation_failed` that names every fault at once, unknown
 * members too, each by JSON pointer.
 */
export function parsePart<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  part: RequestFault['in'],
): z.infer<Schema> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw invalid(parsed.error.issues.flatMap((issue) => faultsOf(issue, part)))
}

function faultsOf(issue: z.core.$ZodIssue, part: RequestFault['in']): RequestFault[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({
      in: part,
      pointer: pointerOf([...issue.path, key]),
      message: 'unknown',
    }))
  return [{ in: part, pointer: pointerOf(issue.path), message: issue.message }]
}

/** RFC 6901. Names come from the client, so a long one is cut. */
export function pointerOf(path: readonly PropertyKey[]): string {
  return path
    .map((step) => `/${String(step).slice(0, 100).replaceAll('~', '~0').replaceAll('/', '~1')}`)
    .join('')
}
