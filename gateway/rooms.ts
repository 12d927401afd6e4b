/** The room of a conversation: those who have it on screen, and may see it (viewers.ts). */
export const roomOf = (tenantId: string, conversationId: string): string =>
  `conversation:${tenantId}:${conversationId}`

export const conversationIn = (room: string): string => room.slice(room.lastIndexOf(':') + 1)
