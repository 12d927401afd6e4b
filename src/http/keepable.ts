import type { RequestFault } from '../contract/rest/problem.ts'
import { isKeepable } from '../contract/text.ts'
import { invalid, pointerOf } from './faults.ts'

/**
 * Refuses a value that holds text which the database cannot keep: NUL, or half a surrogate pair. What REST finds in the text of a
 * body (json-limits.ts) comes over the socket parsed already. Without recursion, since its depth is the sender's choice.
 * Fails with `validation_failed` at the first such place.
 */
export function requireKeepable(value: unknown, part: RequestFault['in']): void {
  const open: { readonly value: unknown; readonly path: readonly string[] }[] = [{ value, path: [] }]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (typeof next.value === 'string') requireText(next.value, next.path, part)
    else if (typeof next.value === 'object' && next.value !== null)
      for (const [name, member] of Object.entries(next.value)) {
        requireText(name, next.path, part)
        open.push({ value: member, path: [...next.path, name] })
      }
  }
}

function requireText(text: string, path: readonly string[], part: RequestFault['in']): void {
  if (isKeepable(text)) return
  throw invalid([
    { in: part, pointer: pointerOf(path), message: 'text with NUL or half of a surrogate pair' },
  ])
}
