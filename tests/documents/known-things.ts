import { createHmac } from 'node:crypto'
import { connectNumber } from '../harness/number.ts'
import type { Hub } from '../harness/hub.ts'
import type { RestClient } from '../harness/rest-client.ts'
import { pick } from './schema-values.ts'

/** Lists that the members of requests refer to, by the name of the member. */
const lists: Readonly<Record<string, string>> = {
  activityId: '/admin/activities',
  assigneeId: '/admin/users',
  after: '/admin/deals',
  before: '/admin/deals',
  actorId: '/admin/users',
  channel: '/api/v1/channels',
  channelId: '/api/v1/channels',
  channelIds: '/api/v1/channels',
  contact: '/admin/contacts',
  contactId: '/admin/contacts',
  conversationId: '/api/v1/conversations',
  conversationIds: '/api/v1/conversations',
  customerId: '/admin/customers',
  dealId: '/admin/deals',
  mentions: '/admin/users',
  moveTo: '/admin/pipeline-stages',
  otherId: '/admin/contacts',
  ownerId: '/admin/users',
  pipelineId: '/admin/pipelines',
  stageId: '/admin/pipeline-stages',
  tag: '/admin/tags',
  tagId: '/admin/tags',
  tags: '/admin/tags',
  teamId: '/admin/teams',
  teamIds: '/admin/teams',
  userId: '/admin/users',
  userIds: '/admin/users',
}

/** What a schema cannot say of a text, by the name of the member. */
const words: Readonly<Record<string, unknown>> = {
  currency: 'EUR',
  language: 'en',
  phone: '+4917012345678',
  timezone: 'Europe/Berlin',
  timeZone: 'Europe/Berlin',
  locale: 'en',
  q: 'zoe',
  to: '+4917012345678',
  website: 'https://example.com',
  'hub.verify_token': 'the-verify-token',
}

/** What is there in a hub, for requests that are to succeed. */
export interface KnownThings {
  /** Looks again at what there is. */
  refresh(token: string): Promise<void>
  /** For a member of a body or a query. */
  forMember(name: string, random: () => number): unknown
  /** For a member of a path, such as `id` of `/admin/customers/{id}`. */
  forPath(path: string, name: string, random: () => number): string | undefined
  /** The signature of a webhook's body. */
  sign(body: string): string
}

const appSecret = 'the-secret-of-an-app'

/** Fills a hub with one of each thing and knows them. */
export async function knownThings(hub: Hub, rest: RestClient): Promise<KnownThings> {
  const number = await connectNumber(hub)
  for (let count = 0; count < 3; count++) await number.conversation()
  const evolution = await hub.addChannel({
    provider: 'evolution',
    settings: { instanceName: 'one', baseUrl: 'http://127.0.0.1:9' },
    secrets: {},
    externalId: 'one',
  })
  await hub.addChannel({
    provider: 'whatsapp-cloud',
    settings: { phoneNumberId: '1', wabaId: '2', displayPhoneNumber: '3' },
    secrets: { accessToken: 'x', appSecret, verifyToken: 'the-verify-token' },
    externalId: '1',
    accountId: '2',
  })
  const found = new Map<string, readonly (string | number)[]>()

  return {
    refresh: async (token) => {
      for (const list of new Set(Object.values(lists))) {
        const { status, body } = await rest.call<{ data: { id: string | number }[] }>(
          'GET',
          `${list}?limit=20`,
          { token },
        )
        if (status === 200)
          found.set(
            list,
            body.data.map(({ id }) => id),
          )
      }
    },
    forMember: (name, random) => {
      if (name in words) return words[name]
      const ids = found.get(lists[name] ?? '') ?? []
      return ids.length === 0 ? undefined : pick(random, ids)
    },
    forPath: (path, name, random) => {
      if (name === 'key' && path.startsWith('/api/webhooks/')) return evolution.webhookKey
      const list = lists[name] ?? path.slice(0, path.indexOf('/{'))
      const ids = found.get(list) ?? []
      return ids.length === 0 ? undefined : String(pick(random, ids))
    },
    sign: (body) => `sha256=${createHmac('sha256', appSecret).update(body).digest('hex')}`,
  }
}
