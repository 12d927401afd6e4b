import type { EntitySchema } from '@mikro-orm/postgresql'
import { channelSchema } from './domain/channels/channel.entity.ts'

/** Every entity of the domain, handed to platform/db.ts by deps.ts, so that platform need not know the domain. */
export const entities: readonly EntitySchema[] = [channelSchema]
