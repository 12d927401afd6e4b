import type { InboundMessage } from '../../inbound.ts'
import { field, present, textIn } from '../../untrusted.ts'
import { isRecord, isTrue } from './dialect.ts'
import { identitiesOf, readJid, unwanted } from './jid.ts'
import type { Scene } from './sink.ts'

/** Ends of a call: the line says how it ended. The other states (ringing, accept) are steps on the way. */
const ends: Readonly<Record<string, string>> = {
  timeout: 'Missed',
  reject: 'Rejected',
  terminate: 'Ended',
}

/**
 * `call`: several events with one call id. The offer becomes a message under that id and the first end one under
 * `<id>:end`, so that repeats and a second end add nothing.
 */
export function readCall(data: unknown, scene: Scene): void {
  const { sink } = scene
  const call = isRecord(data) ? data : undefined
  const id = textIn(call, 'id')
  const status = textIn(call, 'status')
  const from = readJid(field(call, 'from') ?? field(call, 'chatId'))
  if (call === undefined || id === undefined || from === null)
    return sink.reject('a call without id or caller', data)
  if (from.kind !== 'pn' && from.kind !== 'lid' && from.kind !== 'group')
    return sink.ignore(unwanted[from.kind])
  const isOffer = status === 'offer'
  const end = status !== undefined && Object.hasOwn(ends, status) ? ends[status] : undefined
  if (!isOffer && end === undefined) return sink.ignore('a step of a call between its start and its end')
  const identities = identitiesOf([field(call, 'from'), field(call, 'chatId')], scene.own)
  const group = readJid(field(call, 'groupJid') ?? field(call, 'chatId'))
  const isGroup = group?.kind === 'group'
  if (!isGroup && identities.length === 0) return sink.ignore('a call that we made')
  const kind = isTrue(call, 'isVideo')
    ? 'video call'
    : isOffer && field(call, 'isVideo') === false
      ? 'voice call'
      : 'call'
  const item: InboundMessage = {
    kind: 'message',
    direction: 'in',
    origin: 'live',
    providerMessageId: isOffer ? id : `${id}:end`,
    at: dateOf(field(call, 'date')) ?? scene.receivedAt,
    chat: isGroup ? { identities: [{ kind: 'group', value: group.jid }] } : { identities },
    ...(isGroup && identities.length > 0 ? { sender: { identities } } : {}),
    type: 'call',
    text: isOffer ? `Incoming ${kind}` : `${end} ${kind}`,
    payload: present({
      callId: id,
      direction: 'in',
      event: status,
      video: isTrue(call, 'isVideo') || undefined,
      ...(isGroup && identities.length > 0 ? { participant: { identities } } : {}),
    }),
    opensWindow: false,
  }
  sink.add(item)
}

function dateOf(value: unknown): Date | undefined {
  const date = typeof value === 'string' ? new Date(value) : undefined
  return date === undefined || Number.isNaN(date.getTime()) ? undefined : date
}
