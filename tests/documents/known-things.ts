import { createHmac, randomBytes } from 'node:crypto'
import { createOperatorKey } from '../../src/domain/operators/operator-keys.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import type { Hub } from '../harness/hub.ts'
import type { TestNumber } from '../harness/number.ts'
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

const phone = '4917012345678'

/** What a schema cannot say of a text, by the name of the member. */
const words: Readonly<Record<string, unknown>> = {
  currency: 'EUR',
  language: 'en',
  phone: `+${phone}`,
  template: { name: 'greeting', language: 'en' },
  timezone: 'Europe/Berlin',
  timeZone: 'Europe/Berlin',
  after: '1:0',
  value: phone,
  locale: 'en',
  q: 'zoe',
  to: `+${phone}`,
  snoozedUntil: '2099-01-01T00:00:00.000Z',
  website: 'https://example.com',
  'hub.verify_token': 'the-verify-token',
}

const appSecret = 'the-secret-of-an-app'

/** One of each kind of record, made over REST. */
const firstRecords: readonly (readonly [list: string, body: object])[] = [
  ['/admin/customers', { name: 'Zoe' }],
  ['/admin/contacts', { firstName: 'Zoe' }],
  ['/admin/contacts', { firstName: 'Zack' }],
  ['/admin/tags', { name: 'first' }],
  ['/admin/activities', { type: 'call', subject: 'call' }],
  ['/admin/teams', { name: 'one' }],
  ['/admin/pipelines', { name: 'second' }],
]

/** What is there in a tenant, for requests that are to succeed. */
export interface KnownThings {
  readonly token: string
  /** Of who operates the installation. */
  readonly operatorToken: string
  readonly slug: string
  /** What fits a member of a body or a query of that name. */
  readonly forMember: (name: string) => readonly unknown[]
  /** For a member of a path, such as `id` of `/admin/customers/{id}`. */
  readonly forPath: (path: string, name: string, random: () => number) => string | undefined
  /** The signature of a webhook's body. */
  readonly sign: (body: string) => string
  /** Looks again at what a list has (taken for what `as` has), and says how much. */
  readonly look: (list: string, as?: string) => Promise<number>
}

/** Makes a tenant with an admin and a few of each thing, and knows them. */
export async function tenantWithThings(hub: Hub, rest: RestClient, number: TestNumber): Promise<KnownThings> {
  const tenant = await hub.addTenant()
  const { token, actor } = await hub.signIn('admin', { tenant: tenant.slug })
  await hub.signIn('agent', { tenant: tenant.slug })
  const own = randomBytes(6).readUIntBE(0, 6)
  const { id: channelId } = await hub.addChannel({
    provider: 'fake',
    settings: { number: String(own), baseUrl: number.server.url },
    secrets: { apiKey: 'x' },
    externalId: String(own),
    tenant: tenant.id,
  })
  const evolution = await hub.addChannel({
    provider: 'evolution',
    settings: { instanceName: `i-${own}`, baseUrl: 'http://127.0.0.1:9' },
    secrets: {},
    externalId: `i-${own}`,
    tenant: tenant.id,
  })
  await hub.addChannel({
    provider: 'whatsapp-cloud',
    settings: { phoneNumberId: `${own}1`, wabaId: `${own}2`, displayPhoneNumber: '3' },
    secrets: { accessToken: 'x', appSecret, verifyToken: 'the-verify-token' },
    externalId: `${own}1`,
    accountId: `${own}2`,
    tenant: tenant.id,
  })
  await number.conversation({ tenantId: tenant.id, channelId, phone })
  for (let count = 0; count < 2; count++) await number.conversation({ tenantId: tenant.id, channelId })
  await inTenant(hub.deps, tenant.id, async (tx) => {
    await tx.query('update users set platform_user_id = $2 where tenant_id = $1 and id = $3', [
      tenant.id,
      own,
      actor.id,
    ])
    await tx.query(
      `insert into templates (tenant_id, id, channel_id, provider_template_id, name, language, status)
       values ($1, $2, $3, 't', 'greeting', 'en', 'APPROVED')`,
      [tenant.id, uuidv7(), channelId],
    )
  })
  for (const [list, json] of firstRecords) await rest.call('POST', list, { token, json })

  const found = new Map<string, readonly (string | number)[]>()
  const look: KnownThings['look'] = async (list, as = list) => {
    const { status, body } = await rest.call<{ data?: { id: string | number }[] }>('GET', list, { token })
    if (status === 200 && Array.isArray(body.data))
      found.set(
        as,
        body.data.map(({ id }) => id),
      )
    return found.get(as)?.length ?? 0
  }
  await look('/admin/pipeline-stages')
  const json = { title: 'first', stageId: found.get('/admin/pipeline-stages')?.[0] }
  await rest.call('POST', '/admin/deals', { token, json })
  for (const list of new Set(Object.values(lists))) await look(list)

  return {
    token,
    operatorToken: (await createOperatorKey(hub.deps, 'tests', { name: 'tests', expiresAt: null })).key,
    slug: tenant.slug,
    look,
    forMember: (name) => [...(name in words ? [words[name]] : []), ...(found.get(lists[name] ?? '') ?? [])],
    forPath: (path, name, random) => {
      if (name === 'key' && path.startsWith('/api/webhooks/')) return evolution.webhookKey
      if (path === '/api/users/{id}/crm-profile') return String(own)
      const list = lists[name] ?? path.slice(0, path.indexOf('/{'))
      if (list === '/operator/tenants') return tenant.id
      const ids = found.get(list) ?? []
      return ids.length === 0 ? undefined : String(pick(random, ids))
    },
    sign: (body) => `sha256=${createHmac('sha256', appSecret).update(body).digest('hex')}`,
  }
}
