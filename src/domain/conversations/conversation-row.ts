import type { ConversationStatus, IdentityView } from '../../contract/conversation.ts'
import type { ProviderName } from '../../providers/port.ts'

/** What deciding and patching need of a conversation. Timestamps are ISO text. */
export interface ConversationRow {
  id: string
  number: number
  channel_id: string
  contact_id: number
  status: ConversationStatus
  priority: 'low' | 'normal' | 'high' | 'urgent'
  assignee_id: string | null
  team_id: string | null
  labels: string[]
  last_seq: number
  read_seq: number
  unread_count: number
  last_message_id: string | null
  last_activity_at: string
  last_inbound_at: string | null
  window_expires_at: string | null
  waiting_since: string | null
  snoozed_until: string | null
  resolved_at: string | null
  version: number
  created_at: string
  updated_at: string
  provider: ProviderName
}

export const conversationColumns = `c.id, c.number, c.channel_id, c.contact_id, c.status, c.priority, c.assignee_id, c.team_id, c.labels,
  c.last_seq, c.read_seq, c.unread_count, c.last_message_id, c.last_activity_at, c.last_inbound_at, c.window_expires_at,
  c.waiting_since, c.snoozed_until, c.resolved_at, c.version, c.created_at, c.updated_at, ch.provider`

export const conversationJoins = 'join channels ch on ch.tenant_id = c.tenant_id and ch.id = c.channel_id'

/** A conversation with everything that is shown of it. */
export interface WholeConversationRow extends ConversationRow {
  contact_name: string
  contact_customer_id: number | null
  contact_is_group: boolean
  contact_blocked: boolean
  identities: IdentityView[]
  assignee_name: string | null
  team_name: string | null
  deal_ids: number[]
}

/** A contact's name for people: what somebody wrote, else the profile name, else the best address. `ct` is the alias of contacts. */
export const contactNameOf = (ct: string): string => `coalesce(
  nullif(trim(concat_ws(' ', ${ct}.first_name, ${ct}.last_name)), ''), nullif(${ct}.profile_name, ''),
  (select case when i.kind in ('phone', 'wa_id') then '+' || i.value else i.value end from contact_identities i
   where i.tenant_id = ${ct}.tenant_id and i.contact_id = ${ct}.id
   order by array_position(array['phone', 'wa_id', 'username', 'bsuid', 'lid', 'group', 'parent_bsuid'], i.kind), i.value limit 1),
  '')`
export const contactNameSql = contactNameOf('ct')

export const wholeConversationColumns = `${conversationColumns},
  ${contactNameSql} as contact_name, ct.customer_id as contact_customer_id, ct.is_group as contact_is_group, ct.blocked as contact_blocked,
  coalesce((select json_agg(json_build_object('kind', i.kind, 'value', i.value) order by i.kind, i.value)
            from contact_identities i where i.tenant_id = ct.tenant_id and i.contact_id = ct.id), '[]') as identities,
  u.name as assignee_name, t.name as team_name,
  array(select dc.deal_id from deal_conversations dc join deals d on d.tenant_id = dc.tenant_id and d.id = dc.deal_id
        where dc.tenant_id = c.tenant_id and dc.conversation_id = c.id and d.deleted_at is null order by 1) as deal_ids`

export const wholeConversationJoins = `${conversationJoins}
  join contacts ct on ct.tenant_id = c.tenant_id and ct.id = c.contact_id
  left join users u on u.tenant_id = c.tenant_id and u.id = c.assignee_id
  left join teams t on t.tenant_id = c.tenant_id and t.id = c.team_id`
