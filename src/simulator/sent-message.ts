import { field, inner, listOf, recordOf, textIn, type Untrusted } from '../providers/untrusted.ts'
import type { Template } from './templates.ts'

/** Something a customer can tap. */
export interface Choice {
  readonly id: string
  readonly title: string
  readonly description?: string
}

/** A message that we took from the hub. */
export interface SentMessage {
  readonly wamid: string
  /** Digits of the recipient. */
  readonly to: string
  readonly type: string
  /** Comes back in every status (`biz_opaque_callback_data`). */
  readonly callbackData: string | undefined
  readonly choices: {
    readonly kind: 'none' | 'buttons' | 'list' | 'template' | 'location'
    readonly options: readonly Choice[]
  }
}

/** What a message lets its reader tap (reference 8.1 and 9.3). */
export function choicesOf(
  type: string,
  body: Untrusted,
  template: Template | undefined,
): SentMessage['choices'] {
  if (type === 'template')
    return { kind: 'template', options: quickReplies(template, inner(body, 'template')) }
  const interactive = inner(body, 'interactive')
  const action = inner(interactive, 'action')
  switch (type === 'interactive' ? textIn(interactive, 'type') : undefined) {
    case 'button':
      return {
        kind: 'buttons',
        options: listOf(field(action, 'buttons')).flatMap((one) => choice(inner(recordOf(one), 'reply'))),
      }
    case 'list':
      return {
        kind: 'list',
        options: listOf(field(action, 'sections')).flatMap((section) =>
          listOf(field(recordOf(section), 'rows')).flatMap((row) => choice(recordOf(row))),
        ),
      }
    case 'location_request_message':
      return { kind: 'location', options: [] }
    default:
      return { kind: 'none', options: [] }
  }
}

function choice(record: Untrusted | undefined): Choice[] {
  const [id, title, description] = ['id', 'title', 'description'].map((name) => textIn(record, name))
  return id === undefined || title === undefined
    ? []
    : [{ id, title, ...(description !== undefined && { description }) }]
}

/** The payload is the sender's when one was given, else the button's text. */
function quickReplies(template: Template | undefined, sent: Untrusted | undefined): Choice[] {
  const buttons = template?.components.find((one) => one.type === 'BUTTONS')?.buttons ?? []
  const given = listOf(field(sent, 'components')).map(recordOf)
  return buttons.map(({ text }, index) => {
    const component = given.find((one) => textIn(one, 'index') === String(index))
    const payload = textIn(recordOf(listOf(field(component, 'parameters'))[0]), 'payload')
    return { id: payload ?? text, title: text }
  })
}
