import type { Actor } from '../../auth/actor.ts'
import { can, permit } from '../../auth/can.ts'
import type { ChannelView } from '../../contract/channel.ts'
import { Failure } from '../../contract/errors.ts'
import type { MessageView } from '../../contract/message.ts'
import type { Identity } from '../../providers/inbound.ts'
import type { ProviderName } from '../../providers/port.ts'
import { providers } from '../../providers/registry.ts'
import type { ConversationRow } from '../conversations/conversation-row.ts'
import { placeOf } from '../conversations/present-conversation.ts'
import type { KnownTemplate, TemplateBook } from '../templates/find-templates.ts'
import type { MessageRow } from './message-row.ts'
import { type Draft, invalid } from './send-draft.ts'

/** What the gate knows of the recipient and the number. */
export interface Route {
  readonly provider: ProviderName
  readonly channelStatus: ChannelView['status']
  readonly stoppedReason: string | null
  readonly blocked: boolean
  readonly marketing: 'granted' | 'denied' | null
  readonly identities: readonly Identity[]
}

/** A file that somebody wants to send. */
export interface SendableFile {
  readonly id: string
  readonly direction: 'in' | 'out'
  readonly state: string
  readonly mime_type: string
  readonly size_bytes: number | null
  readonly created_by: string | null
}

/** Everything that the gate decides on, looked up beforehand. */
export interface SendCase {
  readonly actor: Actor
  readonly draft: Draft
  readonly conversation: ConversationRow
  readonly route: Route
  /** For a resolved conversation: another one of this contact that lives, so this one cannot be opened again. */
  readonly liveElsewhere: string | null
  /** Messages of others that the sender had not seen, oldest first; empty when it did not say what it saw, or forces. */
  readonly newer: readonly MessageView[]
  readonly templates: TemplateBook
  readonly file: SendableFile | null
  readonly target: MessageRow | null
  readonly now: Date
}

/**
 * The one gate for every sender: right × conversation × recipient × number × type × template × consent × window ×
 * what the sender has seen × content. Pure; null lets the message through, a Failure says why not (OUT1).
 * An answer in a resolved conversation opens it again, as long as the contact has no newer live one.
 */
export function refusalOf(one: SendCase): Failure | null {
  const { actor, conversation, draft, route } = one
  try {
    permit(actor, 'message.send', placeOf(conversation))
  } catch (error) {
    if (error instanceof Failure) return error
    throw error
  }
  return (
    closed(one) ??
    recipientRefusal(route) ??
    channelRefusal(conversation.channel_id, route) ??
    typeRefusal(draft, route) ??
    contentRefusal({
      draft,
      route,
      channelId: conversation.channel_id,
      windowExpiresAt: conversation.window_expires_at,
      templates: one.templates,
      now: one.now,
    }) ??
    unseen(actor, one.newer) ??
    targetRefusal(draft, one.target, conversation.id) ??
    fileRefusal(draft, one.file, actor) ??
    networkRefusal(one)
  )
}

/** The part of the gate whose answer can change while a message waits: asked again just before the call (OUT5). */
export interface ContentCase {
  readonly draft: Pick<Draft, 'type' | 'template'>
  readonly route: Pick<Route, 'provider' | 'marketing'>
  readonly channelId: string
  readonly windowExpiresAt: string | null
  readonly templates: TemplateBook
  readonly now: Date
}

/** Template, consent and window. */
export function contentRefusal(one: ContentCase): Failure | null {
  const { rules } = providers[one.route.provider]
  if (one.draft.template !== null) {
    if (!rules.templates) return null
    const { name, language } = one.draft.template
    const known = one.templates.find({ channelId: one.channelId, name, language })
    if (!isApproved(known, one.templates.complete(one.channelId)))
      return new Failure('template_not_approved', { name, language, status: known?.status ?? null })
    if (one.route.marketing === 'denied' && mayBeMarketing(known))
      return new Failure('consent_denied', { category: 'marketing', name })
    return null
  }
  if (!rules.window) return null
  if (one.windowExpiresAt !== null && new Date(one.windowExpiresAt) > one.now) return null
  return new Failure('window_closed', { expiresAt: one.windowExpiresAt })
}

/** What the network said counts. A template that we never heard of may be sent until we hold the channel's whole list. */
function isApproved(known: KnownTemplate | null, listIsComplete: boolean): boolean {
  if (known === null) return !listIsComplete
  return known.status === null || known.status.toUpperCase() === 'APPROVED'
}

/** Somebody who said no gets no template of which we do not know that it is none of marketing's. */
function mayBeMarketing(known: KnownTemplate | null): boolean {
  const category = known?.category?.toUpperCase()
  return category !== 'UTILITY' && category !== 'AUTHENTICATION'
}

function closed(one: SendCase): Failure | null {
  if (one.conversation.status !== 'resolved' || one.liveElsewhere === null) return null
  return new Failure('conversation_closed', {
    conversationId: one.conversation.id,
    liveConversationId: one.liveElsewhere,
  })
}

/** A username is shown, never written to. */
export function recipientRefusal(route: Pick<Route, 'blocked' | 'identities'>): Failure | null {
  if (route.blocked) return new Failure('contact_blocked')
  if (!route.identities.some((identity) => identity.kind !== 'username'))
    return new Failure('contact_unreachable')
  return null
}

const down: ReadonlySet<ChannelView['status']> = new Set(['disconnected', 'blocked', 'removed'])

/** Whether a number can send at all at present. */
export function isDown(status: ChannelView['status'], stoppedReason: string | null): boolean {
  return stoppedReason !== null || down.has(status)
}

/** The number does not send at present. */
export function channelRefusal(
  channelId: string,
  route: Pick<Route, 'channelStatus' | 'stoppedReason'>,
): Failure | null {
  if (!isDown(route.channelStatus, route.stoppedReason)) return null
  return new Failure('channel_down', { channelId, status: route.channelStatus, reason: route.stoppedReason })
}

function typeRefusal(draft: Draft, route: Route): Failure | null {
  if (providers[route.provider].rules.sends.has(draft.type)) return null
  return new Failure('type_unsupported', { type: draft.type, provider: route.provider })
}

/** Whoever may only send is told that there is something, and not what. */
function unseen(actor: Actor, newer: readonly MessageView[]): Failure | null {
  if (newer.length === 0) return null
  return new Failure('colleague_replied', { newer: can(actor, 'conversation.read') ? newer : [] })
}

function targetRefusal(draft: Draft, target: MessageRow | null, conversationId: string): Failure | null {
  if (draft.targetId === null) return null
  const pointer = draft.type === 'reaction' ? '/reaction/messageId' : '/replyTo'
  if (target === null || target.conversation_id !== conversationId)
    return invalid(pointer, 'there is no such message in this conversation')
  if (draft.type !== 'reaction') return null
  if (target.type === 'reaction' || target.deleted_at !== null)
    return invalid(pointer, 'nobody can react to this message')
  if (target.provider_message_id === null)
    return invalid(pointer, 'the network does not know this message yet')
  return null
}

function fileRefusal(draft: Draft, file: SendableFile | null, actor: Actor): Failure | null {
  if (draft.attachmentId === null) return null
  if (file === null || file.direction !== 'out' || !isTheirs(file, actor))
    return new Failure('not_found', { mediaId: draft.attachmentId })
  if (file.state === 'stored') return null
  return new Failure('media_not_ready', { mediaId: file.id, state: file.state })
}

/** An agent sends the files that it uploaded itself: the id of somebody else's is no right to see it. */
function isTheirs(file: SendableFile, actor: Actor): boolean {
  if (actor.kind === 'system' || actor.role !== 'agent' || file.created_by === null) return true
  return file.created_by === actor.id
}

function networkRefusal({ draft, route, file }: SendCase): Failure | null {
  const media = file === null ? {} : { media: { mimeType: file.mime_type, sizeBytes: file.size_bytes ?? 0 } }
  const { type, text, payload } = draft
  const sentence = providers[route.provider].refuse({ type, text, payload, ...media })
  return sentence === null ? null : invalid('', sentence)
}
