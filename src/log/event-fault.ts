import type { z } from 'zod'
import { catalogue } from '../contract/events/catalogue.ts'
import { actorView } from '../contract/events/define.ts'
import { conversationOf } from './scope.ts'
import { scopeShape } from './scope-shape.ts'

/** An event as its row holds it; `actor` and `payload` are JSON text. */
export interface EventRow {
  readonly epoch: number
  readonly seq: number
  readonly type: string
  readonly scope: unknown
  readonly conversation_id: string | null
  readonly actor: string
  readonly payload: string
}

const shapes = new Map<string, z.ZodType>(catalogue.map(({ type, data }) => [type, data]))

/** Why no reader could make sense of an event, in a few words; null when it is as the catalogue says. */
export function faultOf(row: EventRow): string | null {
  const shape = shapes.get(row.type)
  if (shape === undefined) return 'the catalogue has no such event'
  const scope = scopeShape.safeParse(row.scope)
  if (!scope.success) return `scope ${firstOf(scope.error)}`
  if (conversationOf(scope.data) !== row.conversation_id)
    return 'its scope and its conversation_id name different conversations'
  const actor = actorView.safeParse(JSON.parse(row.actor))
  if (!actor.success) return `actor ${firstOf(actor.error)}`
  const payload = shape.safeParse(JSON.parse(row.payload))
  return payload.success ? null : firstOf(payload.error)
}

/** The first thing that is wrong, by path; values are left out, because they are what customers wrote. */
function firstOf({ issues }: z.ZodError): string {
  const [issue] = issues
  return issue === undefined ? 'is wrong' : `/${issue.path.join('/')}: ${issue.message}`
}
