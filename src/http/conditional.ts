import { Failure } from '../contract/errors.ts'
import { invalid } from './faults.ts'

/**
 * ETag of a record that people edit: its version. It is there for If-Match; nothing is answered with 304, because what
 * is shown of a record can hold names of others that its version does not count.
 */
export function etagOf(record: { readonly version: number }): string {
  return `"${record.version}"`
}

/** What If-Match allows: the versions it names, or null when it allows any (`*`, or no header). */
export type ExpectedVersions = ReadonlySet<number> | null

const entityTag = /^(W\/)?"([^"]{0,64})"$/

/** Reads If-Match. A weak or foreign tag matches nothing (RFC 9110 §13.1.1); what is no list of tags is refused. */
export function readIfMatch(header: string | undefined): ExpectedVersions {
  if (header === undefined || header.trim() === '*') return null
  const versions = new Set<number>()
  for (const part of header.split(',')) {
    const found = entityTag.exec(part.trim())
    if (!found)
      throw invalid([{ in: 'header', pointer: '/if-match', message: 'expected an ETag such as "7", or *' }])
    if (found[1] === undefined && /^\d{1,9}$/.test(found[2] ?? '')) versions.add(Number(found[2]))
  }
  return versions
}

/** Fails with `precondition_failed` when the record is not at a version that the caller named. Call it on the locked row. */
export function requireVersion(expected: ExpectedVersions, record: { readonly version: number }): void {
  if (expected !== null && !expected.has(record.version))
    throw new Failure('precondition_failed', { version: record.version })
}
