import type { Customer } from './customers.ts'
import { digitsOf, type PhoneNumber } from './phone-number.ts'
import type { SentMessage } from './sent-message.ts'

type Json = Record<string, unknown>

/** A webhook about one message of a customer (reference 3 and 4). `fields` come from message-fields.ts. */
export function messageBody(
  number: PhoneNumber,
  customer: Customer,
  message: { readonly wamid: string; readonly at: Date; readonly fields: Json },
): Json {
  return envelope(number, {
    contacts: [{ profile: { name: customer.name }, wa_id: customer.phone }],
    messages: [
      { from: customer.phone, id: message.wamid, timestamp: seconds(message.at), ...message.fields },
    ],
  })
}

export type Status = 'sent' | 'delivered' | 'read' | 'played' | 'failed'

/** A webhook about one of the hub's messages (reference 5). */
export function statusBody(
  number: PhoneNumber,
  { wamid, to, type, callbackData }: SentMessage,
  status: Status,
  at: Date,
): Json {
  const category = type === 'template' ? 'utility' : 'service'
  return envelope(number, {
    statuses: [
      {
        id: wamid,
        status,
        timestamp: seconds(at),
        recipient_id: to,
        ...(callbackData !== undefined && { biz_opaque_callback_data: callbackData }),
        ...((status === 'sent' || status === 'delivered') && {
          pricing: { billable: category !== 'service', pricing_model: 'PMP', type: 'regular', category },
        }),
        ...(status === 'failed' && { errors: [undeliverable] }),
      },
    ],
  })
}

const undeliverable = {
  code: 131026,
  title: 'Message undeliverable',
  message: 'Message undeliverable',
  error_data: { details: 'Message Undeliverable.' },
  href: 'https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/',
}

function envelope(number: PhoneNumber, value: Json): Json {
  const metadata = {
    display_phone_number: digitsOf(number.displayPhoneNumber),
    phone_number_id: number.phoneNumberId,
  }
  const change = { value: { messaging_product: 'whatsapp', metadata, ...value }, field: 'messages' }
  return { object: 'whatsapp_business_account', entry: [{ id: number.wabaId, changes: [change] }] }
}

const seconds = (at: Date): string => String(Math.floor(at.getTime() / 1000))

/** The bytes as Meta writes them: everything beyond ASCII escaped in lower-case hex, and slashes too (reference 1.2). */
export function wireBytes(body: Json): Buffer {
  const escape = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
  const text = JSON.stringify(body).replaceAll('/', '\\/')
  return Buffer.from(text.replaceAll(/[\u0080-\uffff]/g, escape), 'ascii')
}
