import type { Content } from './content.ts'

/** Messages that a content can refer to. */
export interface Targets {
  /** The customer's own last text, for edits. */
  readonly ownText: string | undefined
  /** The customer's own last message. */
  readonly own: string | undefined
  /** The hub's last message to this customer. */
  readonly hub: string | undefined
}

export interface UploadedFile {
  readonly id: string
  readonly sha256: string
  readonly mimeType: string
}

/**
 * The members of `messages[]` that say what was done (reference 4.2); undefined when there is nothing to do it to.
 * `from`: the business number in digits, whose message is quoted.
 */
export function messageFields(
  content: Content,
  targets: Targets,
  from: string,
  file: UploadedFile | undefined,
): Record<string, unknown> | undefined {
  const context = targets.hub === undefined ? {} : { context: { from, id: targets.hub } }
  switch (content.type) {
    case 'text':
      return {
        ...(content.quotes && context),
        ...(content.ad && { referral: referral(content.ad) }),
        type: 'text',
        text: { body: content.body },
      }
    case 'image':
    case 'document':
      return {
        type: content.type,
        [content.type]: {
          ...(content.caption !== undefined && { caption: content.caption }),
          ...(content.type === 'document' && { filename: content.fileName }),
          mime_type: file?.mimeType,
          sha256: file?.sha256,
          id: file?.id,
        },
      }
    case 'location': {
      const { latitude, longitude, name, address } = content
      return {
        ...(content.quotes && context),
        type: 'location',
        location: { latitude, longitude, name, address },
      }
    }
    case 'reaction':
      return targets.hub === undefined
        ? { type: 'text', text: { body: content.emoji } }
        : { type: 'reaction', reaction: { message_id: targets.hub, emoji: content.emoji } }
    case 'edit':
      return targets.ownText === undefined
        ? undefined
        : {
            type: 'edit',
            edit: {
              original_message_id: targets.ownText,
              message: { type: 'text', text: { body: content.body } },
            },
          }
    case 'revoke':
      return targets.own === undefined
        ? undefined
        : { type: 'revoke', revoke: { original_message_id: targets.own } }
    case 'button_reply':
    case 'list_reply': {
      const { type, ...chosen } = content
      return { ...context, type: 'interactive', interactive: { type, [type]: chosen } }
    }
    case 'button': {
      const { payload, text } = content
      return { ...context, type: 'button', button: { payload, text } }
    }
  }
}

function referral(ad: { id: string; headline: string; body: string }): Record<string, unknown> {
  return {
    source_url: `https://fb.me/${ad.id}`,
    source_id: ad.id,
    source_type: 'ad',
    headline: ad.headline,
    body: ad.body,
    ctwa_clid: `click-${ad.id}`,
  }
}
