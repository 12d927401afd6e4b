import type { Identity } from '../../src/providers/inbound.ts'
import type { World } from './fixture-hub.ts'

export interface StateMessage {
  readonly id: string
  readonly conversation_id: string
  readonly channel_id: string
  readonly seq: number
  readonly direction: 'in' | 'out'
  readonly author_kind: string
  readonly author_id: string | null
  readonly author_name: string | null
  readonly type: string
  readonly text: string | null
  readonly payload: Record<string, unknown>
  readonly attachment_id: string | null
  readonly reply_to_provider_id: string | null
  readonly reactions: { emoji: string; by: { kind: string; id?: string; name?: string }; at: string }[]
  readonly status: string
  readonly error: Record<string, unknown> | null
  readonly provider_message_id: string | null
  readonly raw: unknown
  readonly pricing: unknown
  readonly sent_at: Date
  readonly edited_at: Date | null
  readonly deleted_at: Date | null
}

export interface StateConversation {
  readonly id: string
  readonly contact_id: number
  readonly channel_id: string
  readonly status: string
  readonly last_seq: number
  readonly unread_count: number
  readonly last_inbound_at: Date | null
  readonly window_expires_at: Date | null
  readonly waiting_since: Date | null
}

export interface StateContact {
  readonly id: number
  readonly first_name: string
  readonly profile_name: string | null
  readonly is_group: boolean
  readonly picture_url: string | null
  readonly marketing: string | null
}

/** Everything of a tenant, without what may differ between two ways to the same state (when it was last touched). */
export interface State {
  readonly messages: StateMessage[]
  readonly conversations: StateConversation[]
  readonly contacts: StateContact[]
  readonly identities: (Identity & { readonly contact_id: number })[]
  readonly attachments: { id: string; mime_type: string; [column: string]: unknown }[]
  readonly versions: { message_id: string; text: string | null; replaced_by: string | null }[]
  readonly consents: { contact_id: number; granted: boolean; occurred_at: Date; detail: string | null }[]
  readonly templates: {
    channel_id: string
    provider_template_id: string
    detail: Record<string, unknown>
    [column: string]: unknown
  }[]
  readonly channels: {
    id: string
    status: string
    stopped_reason: string | null
    health: Record<string, unknown>
  }[]
  readonly parked: { provider_message_id: string; item: Record<string, unknown> }[]
  readonly events: { type: string; payload: { message?: { id: string }; messageId?: string } }[]
}

const parts: Record<keyof State, string> = {
  messages: `select id, conversation_id, channel_id, seq, direction, author_kind, author_id, author_name, type, text, payload,
    attachment_id, reply_to_provider_id, reactions, status, error, provider_message_id, raw, pricing, sent_at, edited_at, deleted_at
    from messages where tenant_id = $1 order by conversation_id, seq`,
  conversations: `select id, contact_id, channel_id, status, last_seq, unread_count, last_inbound_at, window_expires_at,
    waiting_since, version from conversations where tenant_id = $1 order by id`,
  contacts: `select id, first_name, last_name, phone, profile_name, is_group, picture_url, marketing, marketing_at, version
    from contacts where tenant_id = $1 and deleted_at is null order by id`,
  identities: `select i.kind, i.value, i.contact_id from contact_identities i where i.tenant_id = $1 order by i.kind, i.value`,
  attachments: `select id, direction, state, mime_type, size_bytes::integer, sha256, file_name, ref, channel_id
    from attachments where tenant_id = $1 order by id`,
  versions: `select message_id, version, text, payload, replaced_by from message_versions where tenant_id = $1 order by message_id, version`,
  consents: `select contact_id, category, granted, source, detail, occurred_at from consents where tenant_id = $1 order by id`,
  templates: `select channel_id, provider_template_id, name, language, status, category, quality, reason, stale, detail, version
    from templates where tenant_id = $1 order by channel_id, provider_template_id`,
  channels:
    'select id, status, stopped_reason, health, version from channels where tenant_id = $1 order by id',
  // What has no time of its own bears that of its arrival, so the same news may be parked twice.
  parked: `select distinct provider_message_id, item - 'at' as item from parked_updates where tenant_id = $1
    order by provider_message_id, item`,
  events: `select type, payload from events where tenant_id = $1 order by seq`,
}

export async function readState({ rows, tenantId }: Pick<World, 'rows' | 'tenantId'>): Promise<State> {
  const read = Object.entries(parts).map(async ([part, text]) => [part, await rows(text, [tenantId])])
  return Object.fromEntries(await Promise.all(read)) as State
}
