import { z } from 'zod'

const name = z.string().trim().min(1).max(120)
const digits = z.string().regex(/^\d{1,32}$/, 'expected digits')
const secret = z.string().min(1).max(2048)
/** A header carries it, so it must survive one. */
const headerSecret = z.string().regex(/^[\x21-\x7e]{1,255}$/, 'expected 1 to 255 visible characters')
const httpUrl = z.url({ protocol: /^https?$/ }).max(500)

const cloudChannel = z.strictObject({
  provider: z.literal('whatsapp-cloud'),
  name,
  /** Meta's id of the number, not the number itself. */
  phoneNumberId: digits,
  wabaId: digits,
  displayPhoneNumber: z.string().trim().min(1).max(40),
  accessToken: secret,
  /** Of the Meta app: signs the webhooks. */
  appSecret: secret,
  /** What Meta must say when it subscribes. */
  verifyToken: secret,
})

const evolutionChannel = z.strictObject({
  provider: z.literal('evolution'),
  name,
  instanceName: z
    .string()
    .trim()
    .min(1)
    .max(120)
    .regex(/^[^/?#\s]+$/, 'expected a name without spaces, "/", "?" and "#"'),
  /** Default: EVOLUTION_API_URL. */
  baseUrl: httpUrl.optional(),
  /** Default: EVOLUTION_API_KEY. */
  apiKey: secret.optional(),
  webhookSecret: headerSecret.optional(),
})

export const newChannel = z.discriminatedUnion('provider', [cloudChannel, evolutionChannel])
export type NewChannel = z.infer<typeof newChannel>

/** What may change. Whose number it is may not: that is another channel. null takes an optional one away. */
export const channelPatch = z.strictObject({
  name: name.optional(),
  wabaId: digits.optional(),
  displayPhoneNumber: z.string().trim().min(1).max(40).optional(),
  accessToken: secret.optional(),
  appSecret: secret.optional(),
  verifyToken: secret.optional(),
  baseUrl: httpUrl.nullable().optional(),
  apiKey: secret.nullable().optional(),
  webhookSecret: headerSecret.nullable().optional(),
})
export type ChannelPatch = z.infer<typeof channelPatch>
