import {
  field,
  inner,
  present,
  recordOf,
  storable,
  storableRecord,
  textIn,
  type Untrusted,
} from '../../untrusted.ts'
import type { Content } from './content-shape.ts'

/**
 * What a user did with an interactive message of ours. undefined when the object is missing (Meta then says 131000 in
 * `value.errors`) or of a type that nobody knows: the caller keeps the raw message.
 */
export function interactiveContent(interactive: Untrusted | undefined): Content | undefined {
  const kind = textIn(interactive, 'type')
  if (interactive === undefined || kind === undefined) return undefined
  const held = inner(interactive, kind)
  if (held === undefined) return undefined
  switch (kind) {
    case 'button_reply':
      return replyContent('button_reply', held)
    case 'list_reply':
      return replyContent('list_reply', held)
    case 'nfm_reply':
      return flowContent(held)
    case 'call_permission_reply': {
      const allowed = textIn(held, 'response') === 'accept'
      return {
        type: 'interactive',
        text: allowed ? 'Calls are allowed' : 'Calls are not allowed',
        payload: { kind, ...storableRecord(held) },
      }
    }
    case 'payment_method':
    case 'payment_notification':
      return { type: 'interactive', text: null, payload: { kind, ...storableRecord(held) } }
    default:
      return undefined
  }
}

function replyContent(type: 'button_reply' | 'list_reply', reply: Untrusted): Content | undefined {
  const title = textIn(reply, 'title')
  const id = textIn(reply, 'id')
  if (title === undefined && id === undefined) return undefined
  return {
    type,
    text: title ?? null,
    payload: {
      id: id ?? title,
      title: title ?? id,
      ...present({ description: textIn(reply, 'description') }),
    },
  }
}

/** `response_json` is a string that holds JSON, or should: it can be an array, broken, or lack the flow token. */
function flowContent(reply: Untrusted): Content {
  const given = field(reply, 'response_json')
  const rawJson = typeof given === 'string' ? given : undefined
  const data = rawJson === undefined ? given : parsed(rawJson)
  const usable = typeof data === 'object' && data !== null
  return {
    type: 'flow_reply',
    text: textIn(reply, 'body') ?? null,
    payload: {
      name: textIn(reply, 'name') ?? 'flow',
      data: usable ? storable(data) : null,
      ...present({
        flowToken: textIn(recordOf(data), 'flow_token'),
        rawJson: usable ? undefined : textIn(reply, 'response_json'),
      }),
    },
  }
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
