import { z } from 'zod'

/** What the caller is about to upload. Both are checked against what came before a message may refer to it. */
export const startUploadBody = z.strictObject({
  /** Without parameters, e.g. `image/jpeg`. */
  mimeType: z
    .string()
    .max(127)
    .regex(/^[a-z0-9][a-z0-9.+-]*\/[a-z0-9][a-z0-9.+-]*$/, 'must look like image/jpeg'),
  /** Exactly; at most MEDIA_BYTES. */
  sizeBytes: z.number().int().min(1),
  fileName: z.string().min(1).max(255),
})
export type StartUploadBody = z.infer<typeof startUploadBody>

export const startedUpload = z.strictObject({
  id: z.uuid(),
  /** Send the bytes there with exactly these headers, then say `media: {id}` in a message. */
  upload: z.strictObject({
    url: z.url(),
    method: z.literal('PUT'),
    headers: z.record(z.string(), z.string()),
    expiresAt: z.iso.datetime(),
  }),
})
export type StartedUpload = z.infer<typeof startedUpload>
export const startedUploadAnswer = z.strictObject({ data: startedUpload })

/** `redirect=false` answers with the address as JSON; `thumbnail=true` is about the small picture. */
export const mediaLinkQuery = z.strictObject({
  redirect: z.stringbool({ truthy: ['true', '1'], falsy: ['false', '0'], case: 'sensitive' }).default(true),
  thumbnail: z.stringbool({ truthy: ['true', '1'], falsy: ['false', '0'], case: 'sensitive' }).default(false),
})

/** An address for whoever holds it, for minutes. Do not keep it: ask again. */
export const mediaLink = z.strictObject({
  url: z.url(),
  expiresAt: z.iso.datetime(),
  /** What the store will answer with: judged by the bytes, not by what the sender said. */
  mimeType: z.string(),
  sizeBytes: z.number().int().nullable(),
  fileName: z.string(),
  /** `inline`: a browser may show it by itself. */
  disposition: z.enum(['inline', 'attachment']),
})
export type MediaLink = z.infer<typeof mediaLink>
export const mediaLinkAnswer = z.strictObject({ data: mediaLink })
