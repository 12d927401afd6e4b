import { z } from 'zod'

/** Who hears an event, in words for the documents; the deciding code is src/auth/audience.ts. */
export type AudienceName =
  | 'subject'
  | 'conversation'
  | 'contact'
  | 'tenant'
  /** The tenant; of the keys with scopes those that read users, or channels. */
  | 'user readers'
  | 'channel readers'
  | 'owner'
  /** The tenant when it is shared, else its owner. */
  | 'shared'
  | 'managers'
  | 'admins'
  | 'lost sight'
  | 'user'

export interface EventDefinition<Type extends string = string, Data extends z.ZodType = z.ZodType> {
  readonly type: Type
  readonly data: Data
  /** One sentence: what happened. */
  readonly doc: string
  readonly audience: AudienceName
}

/** A named fact, noun.past, with the shape of its data. Never a diff of rows. */
export function event<const Type extends string, Shape extends z.ZodRawShape>(
  type: Type,
  audience: AudienceName,
  doc: string,
  shape: Shape,
): EventDefinition<Type, z.ZodObject<Shape>> {
  return { type, audience, doc, data: z.strictObject(shape) as unknown as z.ZodObject<Shape> }
}

/** Who did it. `system` is one of our processes, `provider` the network. */
export const actorView = z.strictObject({
  kind: z.enum(['user', 'key', 'system', 'provider']),
  id: z.string().optional(),
  name: z.string().optional(),
})
export type ActorView = z.infer<typeof actorView>
