import { type Actor, presentActor } from '../../auth/actor.ts'
import { can, permit } from '../../auth/can.ts'
import type { ChannelView } from '../../contract/channel.ts'
import type { ConversationView } from '../../contract/conversation.ts'
import { Failure } from '../../contract/errors.ts'
import type { MessageView } from '../../contract/message.ts'
import type { StartConversationBody } from '../../contract/rest/conversations.ts'
import { invalid } from '../../http/faults.ts'
import { inTenant, type TenantTx } from '../../log/tenant-tx.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import type { ProviderName } from '../../providers/port.ts'
import { recordAudit } from '../audit/record-audit.ts'
import { contactByPhone } from '../contacts/contact-by-phone.ts'
import { loadRoutes } from '../messages/load-send-facts.ts'
import { channelRefusal, contentRefusal, recipientRefusal } from '../messages/send-gate.ts'
import { sendMessage } from '../messages/send-message.ts'
import type { SendDeps } from '../messages/send-lane.ts'
import { findTemplates } from '../templates/find-templates.ts'
import type { Origin } from './audit-conversation.ts'
import type { ConversationRow } from './conversation-row.ts'
import { getConversation } from './get-conversation.ts'
import { viewConversation } from './load-conversations.ts'
import { openConversations } from './open-conversation.ts'
import { placeOf } from './present-conversation.ts'

export interface Started {
  readonly conversation: ConversationView
  readonly message: MessageView
  readonly repeated: boolean
}

/**
 * Writes to a phone number first, with a template: finds or makes the contact, takes its live conversation on the channel or
 * begins one, which then belongs to the person who began it, and sends. What a send would refuse (no such channel, a channel that
 * is down, a template that is not approved, a recipient who does not want it) is refused with nothing written; only what
 * comes up in between leaves an empty conversation behind. The same `clientMessageId` again sends nothing.
 * Fails with `already_claimed` when the live conversation is a colleague's, and like sendMessage.
 */
export async function startConversation(
  deps: SendDeps,
  actor: Actor,
  input: StartConversationBody,
  origin: Origin = {},
): Promise<Started> {
  permit(actor, 'conversation.start')
  const digits = digitsOf(input.to)
  const conversationId = await inTenant(
    deps,
    actor.tenantId,
    (tx) => liveConversation(tx, actor, input, digits, origin),
    presentActor(actor),
  )
  const { message, repeated } = await sendMessage(deps, actor, {
    conversationId,
    clientMessageId: input.clientMessageId ?? uuidv7(),
    type: 'template',
    template: input.template,
  })
  const { conversation } = await getConversation(deps, actor, { conversationId })
  return { conversation, message, repeated }
}

async function liveConversation(
  tx: TenantTx,
  actor: Actor,
  input: StartConversationBody,
  digits: string,
  origin: Origin,
): Promise<string> {
  // Of a number that is closed to them there is nothing to be learnt, not even who has the conversation.
  if (!can(actor, 'message.send', { channelId: input.channelId, assigneeId: null, teamId: null }))
    throw invalid([{ in: 'body', pointer: '/channelId', message: 'is not a number that you work on' }])
  await requireSendable(tx, input)
  const contactId = await contactByPhone(tx, digits)
  const found = await openConversations(tx, {
    channelId: input.channelId,
    contactIds: [contactId],
    reopenHours: 0,
    wake: false,
    ...(actor.kind === 'user' ? { assigneeId: actor.id } : {}),
  })
  const row = found.get(contactId)
  if (!row) throw new Failure('internal')
  await requireOwn(tx, actor, row)
  await requireWilling(tx, row, input)
  if (row.version === 1 && row.last_seq === 0)
    recordAudit(tx, {
      by: { actor, ...origin },
      action: 'conversation.start',
      entity: 'conversation',
      entityId: row.id,
      after: { channelId: row.channel_id, contactId, to: `+${digits}` },
    })
  return row.id
}

async function requireOwn(tx: TenantTx, actor: Actor, row: ConversationRow): Promise<void> {
  if (can(actor, 'message.send', placeOf(row))) return
  const { assignee, team } = await viewConversation(tx, row.id)
  throw new Failure('already_claimed', { conversationId: row.id, owner: assignee ?? team })
}

async function requireSendable(tx: TenantTx, { channelId, template }: StartConversationBody): Promise<void> {
  const [channel] = await tx.query<{
    provider: ProviderName
    channelStatus: ChannelView['status']
    stoppedReason: string | null
  }>(
    `select provider, status as "channelStatus", stopped_reason as "stoppedReason" from channels where tenant_id = $1 and id = $2 and deleted_at is null`,
    [tx.tenantId, channelId],
  )
  if (!channel) throw invalid([{ in: 'body', pointer: '/channelId', message: 'there is no such channel' }])
  const refusal = contentRefusal({
    draft: { type: 'template', template },
    route: { provider: channel.provider, marketing: null },
    channelId,
    windowExpiresAt: null,
    templates: await findTemplates(tx, [{ channelId, name: template.name, language: template.language }]),
    now: tx.now,
  })
  const whole = channelRefusal(channelId, channel) ?? refusal
  if (whole) throw whole
}

/**
 * Who does not take it stays as unknown to the actor as before: with the refusal everything is taken back, also that there
 * is a contact.
 */
async function requireWilling(
  tx: TenantTx,
  row: ConversationRow,
  input: StartConversationBody,
): Promise<void> {
  const { channelId, template } = input
  const route = (await loadRoutes(tx, [row.id])).get(row.id)
  if (!route) throw new Failure('internal')
  const refusal =
    recipientRefusal(route) ??
    contentRefusal({
      draft: { type: 'template', template },
      route,
      channelId,
      windowExpiresAt: row.window_expires_at,
      templates: await findTemplates(tx, [{ channelId, name: template.name, language: template.language }]),
      now: tx.now,
    })
  if (refusal) throw refusal
}

/** E.164 has 15 digits at most; nothing that a phone reaches has fewer than 7 with its country code. */
function digitsOf(to: string): string {
  const digits = to.replaceAll(/[\s()./-]/g, '').replace(/^\+/, '')
  if (!/^[1-9]\d{6,14}$/.test(digits))
    throw invalid([
      {
        in: 'body',
        pointer: '/to',
        message: 'expected a phone number with country code, such as +4917155501',
      },
    ])
  return digits
}
