import { z } from 'zod'
import { catalogue } from '../contract/events/catalogue.ts'
import { actorView } from '../contract/events/define.ts'
import { conversationOf, type Scope } from './scope.ts'

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

const ownedAction = z.enum(['deal.read', 'activity.read', 'import.read'])
const place = z.strictObject({
  channelId: z.uuid(),
  assigneeId: z.uuid().nullable(),
  teamId: z.uuid().nullable(),
})

const channelIds = z.array(z.uuid())
const subject = { contactId: z.number().int().optional(), channelIds: channelIds.optional() }
const about = z.strictObject({ contact: z.strictObject({ channelIds }).nullable(), channelIds })

const scopeShape: z.ZodType<Scope> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('tenant') }),
  z.strictObject({ kind: z.literal('managers') }),
  z.strictObject({ kind: z.literal('admins') }),
  z.strictObject({ kind: z.literal('user'), userId: z.uuid() }),
  z.strictObject({ kind: z.literal('conversation'), conversationId: z.uuid() }),
  z.strictObject({ kind: z.literal('lost-sight'), conversationId: z.uuid(), before: place }),
  z.strictObject({ kind: z.literal('contact'), contactId: z.number().int() }),
  z.strictObject({ kind: z.literal('lost-contact'), contactId: z.number().int() }),
  z.strictObject({ kind: z.literal('owned'), action: ownedAction, ownerId: z.uuid().nullable(), ...subject }),
  z.strictObject({
    kind: z.literal('lost-owned'),
    action: ownedAction,
    before: z.uuid().nullable(),
    was: about.optional(),
    after: z.uuid().nullable(),
    ...subject,
  }),
])

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
