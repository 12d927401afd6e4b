import { readdirSync, readFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { ingestChannel } from '../harness/ingest-channel.ts'
import type { Ingested } from '../../src/domain/webhooks/process-deliveries.ts'
import type { ProviderName } from '../../src/providers/port.ts'
import { routesOf } from '../../src/providers/whatsapp-cloud/routes-of.ts'
import type { Environment } from '../../src/platform/config.ts'
import { type InboxRow, type IntakeHub, startIntake } from './intake-hub.ts'

/** A recorded delivery, and the settings of the channels that it is for. */
export interface Fixture {
  readonly name: string
  readonly provider: Extract<ProviderName, 'whatsapp-cloud' | 'evolution'>
  readonly text: string
  readonly body: unknown
  /** The first is the one that the delivery is mainly about. */
  readonly channels: readonly Readonly<Record<string, string>>[]
}

const folder = new URL('../fixtures/whatsapp/', import.meta.url)

function readAll<Provider extends Fixture['provider']>(
  provider: Provider,
  directory: string,
  channelsOf: (body: unknown) => Fixture['channels'],
): Fixture[] {
  return readdirSync(new URL(`${directory}/`, folder)).map((file) => {
    const text = readFileSync(new URL(`${directory}/${file}`, folder), 'utf8')
    const body: unknown = JSON.parse(text)
    return { name: file.replace(/\.json$/, ''), provider, text, body, channels: channelsOf(body) }
  })
}

interface CloudBody {
  readonly entry: readonly {
    readonly id: string
    readonly changes?: readonly {
      readonly value: {
        readonly metadata?: { readonly phone_number_id: string; readonly display_phone_number: string }
        readonly phone_number?: string
        readonly waba_info?: { readonly waba_id?: string }
      }
    }[]
  }[]
}

/** A channel per number of the body; for news of an account one that belongs to it. */
function cloudChannels(body: unknown): Fixture['channels'] {
  const values = (body as CloudBody).entry.flatMap(({ id, changes }) =>
    (changes ?? []).map(({ value }) => ({ account: value.waba_info?.waba_id ?? id, value })),
  )
  const channels = values.map(({ account, value }) => ({
    phoneNumberId: value.metadata?.phone_number_id ?? '106540352242922',
    wabaId: account,
    displayPhoneNumber: value.metadata?.display_phone_number ?? value.phone_number ?? '+1 555-078-3881',
  }))
  const known = new Map(channels.map((channel) => [channel.phoneNumberId, channel]))
  if (known.size > 0) return [...known.values()]
  return [
    { phoneNumberId: '106540352242922', wabaId: '102290129340398', displayPhoneNumber: '+1 555-078-3881' },
  ]
}

export const cloudFixtures = (): Fixture[] => readAll('whatsapp-cloud', 'cloud', cloudChannels)

export const evolutionFixtures = (): Fixture[] =>
  readAll('evolution', 'evolution', (body) => [
    { instanceName: (body as { instance?: string }).instance ?? 'atendimento-01' },
  ])

/** Whether a delivery of Meta names nobody, so that only its signer is known. */
export function isNobodys({ provider, body }: Fixture): boolean {
  if (provider !== 'whatsapp-cloud') return false
  const { phoneNumberIds, wabaIds } = routesOf(body)
  return phoneNumberIds.length + wabaIds.length === 0
}

/** A channel of a world. */
export interface WorldChannel {
  readonly channelId: string
  readonly provider: Fixture['provider']
  readonly settings: Readonly<Record<string, string>>
  readonly webhookKey: string
}

/** A tenant of its own that is connected to numbers of fixtures. */
export interface World {
  readonly tenantId: string
  readonly channels: readonly WorldChannel[]
  /** Posts a body as its network does. Fails unless it is taken. */
  post(fixture: Pick<Fixture, 'provider' | 'channels'>, text: string): Promise<void>
  /** Processes everything that waits, as a worker does. */
  ingest(): Promise<Ingested[]>
  inbox(): Promise<InboxRow[]>
  rows<Row extends object>(text: string, values?: readonly unknown[]): Promise<Row[]>
  /** Gives the numbers back, for the next world. */
  leave(): Promise<void>
}

export interface FixtureHub extends IntakeHub {
  world(provider: Fixture['provider'], channels: Fixture['channels'], tenantId?: string): Promise<World>
}

const appSecret = 'the-secret-of-the-app-of-all-fixtures'

/** A hub in which fixtures are posted to the real endpoint and processed by the real ingest. */
export async function startFixtures(more: Environment = {}): Promise<FixtureHub> {
  const intake = await startIntake(more)
  return {
    ...intake,
    [Symbol.asyncDispose]: () => intake[Symbol.asyncDispose](),
    world: (provider, channels, tenantId) => connect(intake, provider, channels, tenantId),
  }
}

async function connect(
  intake: IntakeHub,
  provider: Fixture['provider'],
  wanted: Fixture['channels'],
  ofTenant?: string,
): Promise<World> {
  const { hub, rest } = intake
  const tenantId = ofTenant ?? (await hub.addTenant(`t-${randomBytes(6).toString('hex')}`)).id
  const channels: WorldChannel[] = []
  for (const settings of wanted) {
    const isCloud = provider === 'whatsapp-cloud'
    const { id, webhookKey } = await hub.addChannel({
      provider,
      settings,
      secrets: isCloud
        ? { accessToken: 'a', appSecret, verifyToken: 'v' }
        : { apiKey: 'a', webhookSecret: 'w' },
      externalId: (isCloud ? settings['phoneNumberId'] : settings['instanceName']) ?? '',
      ...(settings['wabaId'] !== undefined && { accountId: settings['wabaId'] }),
      tenant: tenantId,
    })
    channels.push({ channelId: id, provider, settings, webhookKey })
  }
  return {
    tenantId,
    channels,
    post: async (fixture, text) => {
      const channel = channels.find(
        ({ settings }) => settings['instanceName'] === fixture.channels[0]?.['instanceName'],
      )
      const answer =
        fixture.provider === 'whatsapp-cloud'
          ? await intake.post({ appSecret }, text)
          : await rest.call('POST', `/api/webhooks/evolution/${channel?.webhookKey}`, {
              raw: text,
              headers: { 'content-type': 'application/json', 'x-webhook-secret': 'w' },
            })
      if (answer.status !== 200) throw new Error(`answered ${answer.status}: ${answer.text}`)
    },
    ingest: () =>
      Promise.all(channels.map(({ channelId }) => ingestChannel(hub.deps, { tenantId, channelId }))),
    inbox: async () =>
      (await intake.inbox()).filter((row) => row.tenantId === tenantId || row.tenantId === null),
    rows: (text, values) => intake.asOwner(text, values),
    leave: async () => {
      await intake.asOwner('update channels set deleted_at = now() where tenant_id = $1', [tenantId])
      await intake.asOwner('delete from webhook_inbox where tenant_id = $1 or tenant_id is null', [tenantId])
    },
  }
}
