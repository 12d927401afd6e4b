import { defineEntity, p } from '@mikro-orm/postgresql'
import type { ChannelStatus } from '../../providers/inbound.ts'
import type { ProviderName } from '../../providers/port.ts'

export const channelSchema = defineEntity({
  name: 'Channel',
  tableName: 'channels',
  properties: {
    // Unique by itself in the database too; the tenant is first in the table's key, and row security adds it to every statement.
    id: p.uuid().primary(),
    tenantId: p.uuid(),
    provider: p.string().$type<ProviderName>(),
    name: p.text(),
    status: p.string().$type<ChannelStatus>(),
    stoppedReason: p.text().nullable(),
    settings: p.json<Record<string, string>>(),
    secrets: p.blob(),
    externalId: p.text(),
    accountId: p.text().nullable(),
    webhookKey: p.text(),
    health: p.json<Record<string, unknown>>(),
    version: p.integer().version(),
    createdAt: p.datetime(),
    updatedAt: p.datetime(),
    deletedAt: p.datetime().nullable(),
  },
})

/** One number on one network, as people edit it. Workers write the same rows with statements of their own. */
export class Channel extends channelSchema.class {}
channelSchema.setClass(Channel)
