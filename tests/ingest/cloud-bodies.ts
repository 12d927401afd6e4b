import { randomInt } from 'node:crypto'
import type { CloudNumber } from '../webhooks/intake-hub.ts'

/** A person on WhatsApp, as Meta names them. */
export interface Person {
  readonly number?: string
  readonly userId?: string
  readonly name?: string
  readonly username?: string
}

let made = 0

/** An id as Meta's look like; each one is another. */
export function wamid(): string {
  made += 1
  return `wamid.HBg${made}${randomInt(1e9)}`
}

export function person(name = 'Cora'): Person & { number: string } {
  return { number: `4917${randomInt(1e8, 1e9)}`, name }
}

const seconds = (at: Date) => String(Math.floor(at.getTime() / 1000))

type Value = Record<string, unknown>

/** A delivery with these values of field `messages`, or of another field. */
export function delivery(number: CloudNumber, values: readonly Value[], field = 'messages'): string {
  return JSON.stringify({
    object: 'whatsapp_business_account',
    entry: [
      {
        id: number.wabaId,
        changes: values.map((value) => ({
          field,
          value: {
            messaging_product: 'whatsapp',
            metadata: { display_phone_number: '15550783881', phone_number_id: number.phoneNumberId },
            ...value,
          },
        })),
      },
    ],
  })
}

export function profileOf({ number, userId, name, username }: Person): Value {
  return {
    profile: { name: name ?? 'Cora', ...(username && { username }) },
    ...(number && { wa_id: number }),
    ...(userId && { user_id: userId }),
  }
}

/** What somebody wrote: a text, unless `content` says otherwise. */
export function written(
  from: Person,
  text: string,
  more: { id?: string; at?: Date; replyTo?: string; content?: Value } = {},
): Value {
  return {
    contacts: [profileOf(from)],
    messages: [
      {
        ...(from.number && { from: from.number }),
        ...(from.userId && { from_user_id: from.userId }),
        id: more.id ?? wamid(),
        timestamp: seconds(more.at ?? new Date()),
        ...(more.replyTo && { context: { from: '15550783881', id: more.replyTo } }),
        ...(more.content ?? { type: 'text', text: { body: text } }),
      },
    ],
  }
}

export function statusOf(
  id: string,
  status: string,
  more: { at?: Date; callback?: string; to?: string } = {},
): Value {
  return {
    statuses: [
      {
        id,
        status,
        timestamp: seconds(more.at ?? new Date()),
        recipient_id: more.to ?? '4917000000',
        ...(more.callback && { biz_opaque_callback_data: more.callback }),
      },
    ],
  }
}

/** Somebody of us wrote in the WhatsApp Business app. Field `smb_message_echoes`. */
export function echo(to: string, text: string, more: { id?: string; at?: Date } = {}): Value {
  return {
    message_echoes: [
      {
        from: '15550783881',
        to,
        id: more.id ?? wamid(),
        timestamp: seconds(more.at ?? new Date()),
        type: 'text',
        text: { body: text },
      },
    ],
  }
}
