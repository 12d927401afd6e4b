import { z } from 'zod'

export const channelStatuses = [
  'connecting',
  'connected',
  'disconnected',
  'restricted',
  'blocked',
  'removed',
] as const

export const channelView = z.strictObject({
  id: z.uuid(),
  provider: z.enum(['whatsapp-cloud', 'evolution', 'fake']),
  name: z.string(),
  status: z.enum(channelStatuses),
  /** Why nothing is sent, until a human or a good check clears it; null when sending. */
  stoppedReason: z.string().nullable(),
  /** Public parts: phoneNumberId, wabaId, displayPhoneNumber; instanceName, baseUrl. Secrets are never returned. */
  settings: z.record(z.string(), z.string()),
  /**
   * What the network last said of the number: quality, tier, limits … `qr` (a data URL) and `pairingCode` are asterisks
   * wherever they are not asked for by an admin; a `channel.updated` that carries them says that there is a code to ask for.
   */
  health: z.record(z.string(), z.unknown()),
  /** Where the network must post. */
  webhookUrl: z.string(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
  version: z.number().int(),
})
export type ChannelView = z.infer<typeof channelView>

export const templateView = z.strictObject({
  id: z.uuid(),
  channelId: z.uuid(),
  providerTemplateId: z.string(),
  name: z.string().nullable(),
  language: z.string().nullable(),
  status: z.string().nullable(),
  category: z.string().nullable(),
  quality: z.string().nullable(),
  reason: z.string().nullable(),
  /** Its components changed at the network and were not read anew yet. */
  stale: z.boolean(),
  updatedAt: z.iso.datetime(),
  version: z.number().int(),
})
export type TemplateView = z.infer<typeof templateView>
