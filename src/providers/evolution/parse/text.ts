import { textIn, present } from '../../untrusted.ts'
import { type ContentReader, lines } from './content-shape.ts'

export const readConversation: ContentReader = (_, around) => ({
  type: 'text',
  text: textIn(around.message, 'conversation') ?? null,
  payload: {},
})

export const readExtendedText: ContentReader = (part) => ({
  type: 'text',
  text: textIn(part, 'text') ?? textIn(part, 'matchedText') ?? null,
  payload: {},
})

/** The invite itself is accepted in WhatsApp; here it is a text that says which group. */
export const readGroupInvite: ContentReader = (part) => ({
  type: 'text',
  text: lines(textIn(part, 'caption'), textIn(part, 'groupName')),
  payload: {
    groupInvite: present({
      group: textIn(part, 'groupJid'),
      name: textIn(part, 'groupName'),
      code: textIn(part, 'inviteCode'),
    }),
  },
})
