import { randomBytes } from 'node:crypto'
import { type Actor, presentActor } from '../auth/actor.ts'
import type { Deps } from '../deps.ts'
import { createChannel } from '../domain/channels/create-channel.ts'
import { loadChannelForProvider } from '../domain/channels/load-channel.ts'
import { readTenant } from '../log/read-tenant.ts'
import { inTenant } from '../log/tenant-tx.ts'
import type { PhoneNumber } from '../simulator/phone-number.ts'

/** The number of the demo: a 555 number that nobody has, with ids that Meta has never given. */
const number = {
  phoneNumberId: '100000000000555',
  wabaId: '100000000000777',
  displayPhoneNumber: '+1 555 010 0100',
}

export interface DemoChannel {
  readonly id: string
  /** As the simulator must play it; the secrets are those of the channel. */
  readonly number: PhoneNumber
}

/** The demo's WhatsApp number, connected by its admin when it is not yet there. */
export async function ensureDemoChannel(deps: Deps, admin: Actor, hubUrl: string): Promise<DemoChannel> {
  const { tenantId } = admin
  const id = (await findDemoChannel(deps, tenantId)) ?? (await connectDemoChannel(deps, admin))
  const channel = await readTenant(deps, tenantId, (query) =>
    loadChannelForProvider({ query }, deps.config, id),
  )
  const secret = (name: string): string => channel?.secrets[name] ?? ''
  return {
    id,
    number: {
      ...number,
      accessToken: secret('accessToken'),
      appSecret: secret('appSecret'),
      verifyToken: secret('verifyToken'),
      webhookUrl: `${hubUrl}/api/webhooks/whatsapp`,
    },
  }
}

async function findDemoChannel(deps: Deps, tenantId: string): Promise<string | undefined> {
  const rows = await readTenant(deps, tenantId, (query) =>
    query<{ id: string }>(
      `select id from channels where tenant_id = $1 and provider = 'whatsapp-cloud' and external_id = $2 and deleted_at is null`,
      [tenantId, number.phoneNumberId],
    ),
  )
  return rows[0]?.id
}

async function connectDemoChannel(deps: Deps, admin: Actor): Promise<string> {
  const secret = (): string => randomBytes(24).toString('base64url')
  const channel = await inTenant(
    deps,
    admin.tenantId,
    (tx) =>
      createChannel(
        tx,
        deps,
        { actor: admin },
        {
          provider: 'whatsapp-cloud',
          name: 'Demo WhatsApp',
          ...number,
          accessToken: secret(),
          appSecret: secret(),
          verifyToken: secret(),
        },
      ),
    presentActor(admin),
  )
  return channel.id
}

/** Names of channels that talk to a real network: in the demo they would talk to the simulator, which knows none of them. */
export async function realChannels(deps: Deps): Promise<string[]> {
  const { rows: tenants } = await deps.db.write.query<{ id: string; slug: string }>(
    'select id, slug from list_tenants()',
  )
  const found: string[] = []
  for (const { id, slug } of tenants) {
    const rows = await readTenant(deps, id, (query) =>
      query<{ name: string }>(
        `select name from channels where tenant_id = $1 and provider = 'whatsapp-cloud' and external_id <> $2 and deleted_at is null`,
        [id, number.phoneNumberId],
      ),
    )
    found.push(...rows.map((row) => `${row.name} (tenant ${slug})`))
  }
  return found
}
