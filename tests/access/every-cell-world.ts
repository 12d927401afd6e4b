import type { Role } from '../../src/contract/records.ts'
import { createKey } from '../../src/domain/keys/create-key.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import type { SignedIn } from '../harness/crowd.ts'
import type { Hub } from '../harness/hub.ts'
import type { TestNumber } from '../harness/number.ts'
import type { RestClient } from '../harness/rest-client.ts'
import { asSuperuser } from '../cli/cli.ts'
import { type Caller, subjectsOf } from './every-cell-table.ts'

type Id = string | number
/** Ids by the collection of their path, such as `/admin/deals`. */
type Ids = Readonly<Record<string, Id>>

/** A tenant with one of each thing where its agent sees it, and those things that can be out of sight, out of sight. */
export interface World {
  readonly tenantId: string
  readonly tokens: Readonly<Record<Caller, string | undefined>>
  readonly admin: SignedIn
  readonly agent: SignedIn
  /** An agent who sees what the other does not. */
  readonly insider: SignedIn
  readonly near: Ids
  /** Out of the agent's sight: on a closed number, about one, another team's, another agent's. */
  readonly far: readonly Ids[]
  /** Contacts that can be merged and deleted. */
  readonly spare: Id
  readonly messageId: string
  readonly openChannel: string
  readonly closedChannel: string
  readonly closedContact: number
}

interface Made {
  readonly data: { readonly id: Id }
}

/** Fills a tenant; everything is made over REST or by the statements of its use case. */
export async function buildWorld(
  hub: Hub,
  rest: RestClient,
  number: TestNumber,
  tenant: { id: string; slug: string },
): Promise<World> {
  const join = (role: Role, sub: string) =>
    hub.signIn(role, { tenant: tenant.slug, sub: `${tenant.slug}-${sub}` })
  const admin = await join('admin', 'admin')
  const manager = await join('manager', 'manager')
  const agent = await join('agent', 'agent')
  const insider = await join('agent', 'insider')
  const viewer = await join('viewer', 'viewer')
  const victim = await join('agent', 'victim')
  const make = async (list: string, json: object, token = admin.token): Promise<Id> => {
    const { status, body, text } = await rest.call<Made>('POST', list, { token, json })
    if (status !== 201) throw new Error(`POST ${list}: ${status} ${text}`)
    return body.data.id
  }
  const key = (scopes: string[]) =>
    inTenant(hub.deps, tenant.id, async (tx) => {
      const by = { actor: { kind: 'system', tenantId: tenant.id, name: 'a test' } } as const
      const named = { name: uuidv7(), role: 'admin', expiresAt: null, ratePerMinute: null } as const
      return (await createKey(tx, by, { ...named, scopes })).key
    })
  const statement = (text: string, values: readonly unknown[]) =>
    inTenant(hub.deps, tenant.id, (tx) => tx.query(text, [tenant.id, ...values]))

  const channel = async () => {
    const externalId = uuidv7()
    const settings = { number: externalId, baseUrl: number.server.url }
    const made = {
      provider: 'fake',
      settings,
      secrets: { apiKey: 'x' },
      externalId,
      tenant: tenant.id,
    } as const
    return (await hub.addChannel(made)).id
  }
  const [openChannel, closedChannel] = [await channel(), await channel()]
  const talk = (channelId: string) => number.conversation({ tenantId: tenant.id, channelId })
  const media = async (conversationId: string, channelId: string): Promise<[string, string]> => {
    const [id, messageId] = [uuidv7(), uuidv7()]
    await statement(
      `insert into attachments (tenant_id, id, direction, state, mime_type, size_bytes, object_key, stored_at)
       values ($1, $2, 'in', 'stored', 'image/png', 1, $3, now())`,
      [id, `${tenant.id}/${id}`],
    )
    await statement(
      `insert into messages (tenant_id, id, conversation_id, channel_id, seq, direction, author_kind, type, text, status, sent_at, attachment_id)
       values ($1, $2, $3, $4, 1, 'in', 'contact', 'image', 'look', 'received', now(), $5)`,
      [messageId, conversationId, channelId, id],
    )
    await statement(
      'update conversations set last_seq = 1, last_message_id = $3 where tenant_id = $1 and id = $2',
      [conversationId, messageId],
    )
    return [id, messageId]
  }
  const brought = async (ownerId: string): Promise<string> => {
    const id = uuidv7()
    await statement(
      `insert into imports (tenant_id, id, entity, upsert_key, dry_run, owner_id, actor) values ($1, $2, 'customer', 'none', true, $3, '{}')`,
      [id, ownerId],
    )
    return id
  }
  const merged = async (contactId: Id): Promise<Id> => {
    const otherId = await make('/admin/contacts', { firstName: 'Went' })
    const { body } = await rest.call<{ merge: { id: Id } }>('POST', `/admin/contacts/${contactId}/merge`, {
      token: admin.token,
      json: { otherId },
    })
    return body.merge.id
  }

  const open = await talk(openChannel)
  const closed = await talk(closedChannel)
  const [teams, theirs] = [await talk(openChannel), await talk(openChannel)]
  const pipeline = await make('/admin/pipelines', { name: 'mine' })
  const stage = await make('/admin/pipeline-stages', { name: 'open', pipelineId: pipeline })
  const team = await make('/admin/teams', { name: 'theirs', memberIds: [insider.actor.id] })
  const owner = insider.actor.id
  const farDeal = await make('/admin/deals', { title: 'theirs', stageId: stage, ownerId: owner })
  const [image, messageId] = await media(open.id, openChannel)
  const [closedImage] = await media(closed.id, closedChannel)
  const template = uuidv7()
  await statement(
    `insert into templates (tenant_id, id, channel_id, provider_template_id, name, language, status)
     values ($1, $2, $3, 't', 'greeting', 'en', 'APPROVED')`,
    [template, openChannel],
  )
  const platformId = Math.floor(Math.random() * 2 ** 40)
  await statement('update users set platform_user_id = $3 where tenant_id = $1 and id = $2', [
    victim.actor.id,
    platformId,
  ])
  const near: Ids = {
    '/admin/activities': await make('/admin/activities', { type: 'call', subject: 'call' }),
    '/admin/api-keys': await make('/admin/api-keys', { name: 'victim', role: 'viewer' }),
    '/admin/contacts': open.contactId,
    '/admin/contacts/merges': await merged(open.contactId),
    '/admin/custom-fields': await make('/admin/custom-fields', {
      entity: 'deal',
      key: 'shade',
      label: 'Shade',
      type: 'text',
    }),
    '/admin/customers': await make('/admin/customers', { name: 'Zoe' }),
    '/admin/deals': await make('/admin/deals', { title: 'free', stageId: stage }),
    '/admin/imports': await brought(agent.actor.id),
    '/admin/notes': await make('/admin/notes', { body: 'hm', conversationId: open.id }, agent.token),
    '/admin/pipeline-stages': stage,
    '/admin/pipelines': pipeline,
    '/admin/saved-views': await make(
      '/admin/saved-views',
      { entity: 'deal', name: 'shared', shared: true },
      agent.token,
    ),
    '/admin/tags': await make('/admin/tags', { name: 'first' }),
    '/admin/teams': await make('/admin/teams', { name: 'victims' }),
    '/admin/users': victim.actor.id,
    '/operator/tenants': tenant.id,
    '/api/users': platformId,
    '/api/v1/channels': await channel(),
    '/api/v1/conversations': open.id,
    '/api/v1/media': image,
    '/api/v1/templates': template,
  }
  const closedThings: Ids = {
    '/admin/activities': await make('/admin/activities', { type: 'call', subject: 'x', assigneeId: owner }),
    '/admin/contacts': closed.contactId,
    '/admin/contacts/merges': await merged(closed.contactId),
    '/admin/deals': farDeal,
    '/admin/imports': await brought(owner),
    '/admin/notes': await make('/admin/notes', { body: 'far', conversationId: closed.id }),
    '/api/v1/conversations': closed.id,
    '/api/v1/media': closedImage,
  }
  const [teamNote, contactNote, dealNote] = [
    await make('/admin/notes', { body: 'far', conversationId: teams.id }),
    await make('/admin/notes', { body: 'far', contactId: closed.contactId }),
    await make('/admin/notes', { body: 'far', dealId: farDeal }),
  ]
  // Nobody's, and about somebody whom only the insider sees; the one by a link, the other by the contact of its deal.
  const freeDeal = await make('/admin/deals', {
    title: 'of the closed number',
    stageId: stage,
    contactId: closed.contactId,
    conversationIds: [closed.id],
  })
  const free: Ids = {
    '/admin/activities': await make('/admin/activities', { type: 'call', subject: 'x', dealId: freeDeal }),
    '/admin/deals': freeDeal,
    '/admin/notes': await make('/admin/notes', { body: 'far', dealId: freeDeal }),
  }
  const settle = async (path: string, method: string, json: object) => {
    const { status, text } = await rest.call(method, path, { token: admin.token, json })
    if (status !== 200) throw new Error(`${method} ${path}: ${status} ${text}`)
  }
  await settle(`/api/v1/conversations/${teams.id}/assign`, 'POST', { teamId: team })
  await settle(`/api/v1/conversations/${theirs.id}/assign`, 'POST', { userId: owner })
  await settle(`/api/v1/channels/${closedChannel}/members`, 'PUT', {
    membersOnly: true,
    memberIds: [owner],
  })
  const spare = await make('/admin/contacts', { firstName: 'Spare' })
  // Whoever was looked up before these changes is looked up anew.
  const again = (role: Role, sub: string) => join(role, sub)
  return {
    tenantId: tenant.id,
    tokens: {
      admin: admin.token,
      manager: manager.token,
      agent: agent.token,
      viewer: viewer.token,
      key: await key([]),
      narrow: await key(['record.read']),
      none: undefined,
    },
    admin,
    agent: await again('agent', 'agent'),
    insider: await again('agent', 'insider'),
    near,
    far: [
      closedThings,
      { '/api/v1/conversations': teams.id, '/admin/notes': teamNote },
      { '/api/v1/conversations': theirs.id, '/admin/notes': contactNote },
      { '/admin/notes': dealNote },
      free,
    ],
    spare,
    messageId,
    openChannel,
    closedChannel,
    closedContact: closed.contactId,
  }
}

/** The scope that an event about a subject must have in the log, when it has another name. */
const scopes: Readonly<Record<string, string>> = {
  'lost-conversation': 'lost-sight',
  users: 'tenant user.read',
  channels: 'tenant channel.read',
  deal: 'owned deal.read',
  activity: 'owned activity.read',
  import: 'owned import.read',
  'lost-deal': 'lost-owned deal.read',
  'lost-activity': 'lost-owned activity.read',
}

/** Fails when the log has an event that was recorded for others than the table says; how many types it has. */
export async function recordedTypes(hub: Hub): Promise<number> {
  const { rows } = await asSuperuser(hub, (query) =>
    query(`select distinct type, concat_ws(' ', scope->>'kind', scope->>'action') as scope from events`),
  )
  const recorded = rows as { type: string; scope: string }[]
  for (const { type, scope } of recorded)
    if (!subjectsOf(type).some((subject) => (scopes[subject] ?? subject) === scope))
      throw new Error(`${type} was recorded for ${scope}`)
  return new Set(recorded.map(({ type }) => type)).size
}
