import { parseJson } from './parse-json.ts'
import { inner, present, storableRecord, textIn } from '../../untrusted.ts'
import type { ContentReader } from './content-shape.ts'
import { isRecord } from './dialect.ts'

export const readButtonReply: ContentReader = (part) => {
  const title = textIn(part, 'selectedDisplayText')
  return {
    type: 'button_reply',
    text: title ?? null,
    payload: present({ id: textIn(part, 'selectedButtonId'), title }),
  }
}

export const readTemplateReply: ContentReader = (part) => {
  const title = textIn(part, 'selectedDisplayText')
  return {
    type: 'button_reply',
    text: title ?? null,
    payload: present({ id: textIn(part, 'selectedId'), title, quickReply: true }),
  }
}

export const readListReply: ContentReader = (part) => {
  const title = textIn(part, 'title')
  return {
    type: 'list_reply',
    text: title ?? null,
    payload: present({
      id: textIn(inner(part, 'singleSelectReply'), 'selectedRowId'),
      title,
      description: textIn(part, 'description'),
    }),
  }
}

/** The answer to native buttons (an `id` and nothing else of a flow) or to a flow (a form). */
export const readInteractiveReply: ContentReader = (part) => {
  const text = textIn(inner(part, 'body'), 'text') ?? null
  const native = inner(part, 'nativeFlowResponseMessage')
  if (native === undefined) return text === null ? null : { type: 'text', text, payload: {} }
  const json = textIn(native, 'paramsJson')
  const parsed = json === undefined ? undefined : parseJson(json)
  const data = isRecord(parsed) ? parsed : undefined
  const id = textIn(data, 'id')
  const flowToken = textIn(data, 'flow_token')
  if (id !== undefined && flowToken === undefined) {
    const title = text ?? textIn(data, 'title') ?? textIn(data, 'display_text') ?? id
    return { type: 'button_reply', text: title, payload: { id, title } }
  }
  return {
    type: 'flow_reply',
    text,
    payload: present({
      name: textIn(native, 'name') ?? 'flow',
      data: data === undefined ? null : storableRecord(data),
      rawJson: data === undefined ? json : undefined,
      flowToken,
    }),
  }
}
