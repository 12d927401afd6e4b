import type { z } from 'zod'
import { accessEvents } from './access-events.ts'
import { crmEvents } from './crm-events.ts'
import { conversationEvents } from './conversation-events.ts'
import { dealEvents } from './deal-events.ts'
import { messageEvents } from './message-events.ts'
import { recordEvents } from './record-events.ts'
import { signInEvents } from './sign-in-events.ts'

/** Every fact that can stand in a tenant's log. */
export const catalogue = [
  ...messageEvents,
  ...conversationEvents,
  ...recordEvents,
  ...accessEvents,
  ...signInEvents,
  ...crmEvents,
  ...dealEvents,
] as const

type Definition = (typeof catalogue)[number]
export type EventType = Definition['type']
export type EventData<Type extends EventType> = z.infer<Extract<Definition, { type: Type }>['data']>

/** A fact as clients get it, over the socket under its own name and from GET /api/v1/events. */
export interface LogEvent<Type extends EventType = EventType> {
  readonly seq: number
  readonly epoch: number
  readonly type: Type
  /** When it was committed, ISO 8601. */
  readonly at: string
  readonly actor: { kind: string; id?: string; name?: string }
  readonly data: EventData<Type>
}

/** Any fact, so that `type` narrows `data`. */
export type AnyLogEvent = { [Type in EventType]: LogEvent<Type> }[EventType]
