import { randomBytes } from 'node:crypto'
import pg from 'pg'
import type { Environment } from '../../src/platform/config.ts'
import { signatureOf } from '../../src/providers/signature.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { type RestAnswer, type RestClient, startRestOf } from '../harness/rest-client.ts'

/** A number on Meta's network with an app of its own, or with a given one. */
export interface CloudNumber {
  readonly channelId: string
  readonly phoneNumberId: string
  readonly wabaId: string
  readonly appSecret: string
  readonly verifyToken: string
  readonly webhookKey: string
}

/** A stored delivery, read past all row security. */
export interface InboxRow {
  readonly id: number
  readonly tenantId: string | null
  readonly channelId: string | null
  readonly provider: string
  readonly body: Buffer
  readonly state: 'new' | 'done' | 'parked' | 'quarantined'
  readonly reason: string | null
  readonly poison: unknown
}

/** A hub with its REST server, seen from the networks' side. */
export interface IntakeHub extends AsyncDisposable {
  readonly hub: Hub
  readonly rest: RestClient
  addNumber(more?: Partial<CloudNumber> & { tenant?: string }): Promise<CloudNumber>
  addInstance(more?: {
    tenant?: string
    instanceName?: string
    webhookSecret?: string
  }): Promise<{ channelId: string; webhookKey: string; instanceName: string }>
  /** Posts as Meta does: signed by the number's app, unless the headers say otherwise. */
  post(
    number: Pick<CloudNumber, 'appSecret'>,
    body: string | Uint8Array<ArrayBuffer>,
    headers?: Record<string, string>,
  ): Promise<RestAnswer<unknown>>
  inbox(): Promise<InboxRow[]>
  /** A statement as the database's superuser. */
  asOwner<Row extends object>(text: string, values?: readonly unknown[]): Promise<Row[]>
  /** What the metric says of a network and a result. */
  counted(provider: string, result: string): Promise<number>
}

export async function startIntake(more: Environment = {}): Promise<IntakeHub> {
  const hub = await startHub(more)
  const rest = await startRestOf(hub)
  const owner = new pg.Pool({ connectionString: hub.config.DATABASE_URL, max: 2 })
  owner.on('error', () => {})
  hub.onClose(() => owner.end())
  const asOwner = async <Row extends object>(text: string, values: readonly unknown[] = []) =>
    (await owner.query<Row & pg.QueryResultRow>(text, [...values])).rows
  return {
    hub,
    rest,
    asOwner,
    addNumber: async ({ tenant, ...given } = {}) => {
      const phoneNumberId = given.phoneNumberId ?? `10${randomBytes(6).readUIntBE(0, 6)}`
      const wabaId = given.wabaId ?? `20${randomBytes(6).readUIntBE(0, 6)}`
      const appSecret = given.appSecret ?? randomBytes(16).toString('hex')
      const verifyToken = given.verifyToken ?? randomBytes(8).toString('hex')
      const { id, webhookKey } = await hub.addChannel({
        provider: 'whatsapp-cloud',
        settings: { phoneNumberId, wabaId, displayPhoneNumber: '+1 555 078-3881' },
        secrets: { accessToken: 'an-access-token', appSecret, verifyToken },
        externalId: phoneNumberId,
        accountId: wabaId,
        ...(tenant !== undefined && { tenant }),
      })
      return { channelId: id, phoneNumberId, wabaId, appSecret, verifyToken, webhookKey }
    },
    addInstance: async ({
      tenant,
      webhookSecret,
      instanceName = `phone-${randomBytes(4).toString('hex')}`,
    } = {}) => {
      const { id, webhookKey } = await hub.addChannel({
        provider: 'evolution',
        settings: { instanceName, baseUrl: 'http://127.0.0.1:9' },
        secrets: { apiKey: 'a-key', ...(webhookSecret !== undefined && { webhookSecret }) },
        externalId: instanceName,
        ...(tenant !== undefined && { tenant }),
      })
      return { channelId: id, webhookKey, instanceName }
    },
    post: (number, body, headers = {}) =>
      rest.call('POST', '/api/webhooks/whatsapp', {
        raw: body,
        headers: {
          'content-type': 'application/json',
          'x-hub-signature-256': signatureOf(Buffer.from(body), number.appSecret),
          ...headers,
        },
      }),
    inbox: () =>
      asOwner<InboxRow>(
        `select id, tenant_id as "tenantId", channel_id as "channelId", provider, body, state, reason, poison
         from webhook_inbox order by id`,
      ),
    counted: async (provider, result) => {
      const { values } = await hub.deps.metrics.ingress.get()
      return values.find(({ labels }) => labels.provider === provider && labels.result === result)?.value ?? 0
    },
    [Symbol.asyncDispose]: () => hub[Symbol.asyncDispose](),
  }
}

let made = 0

/** A text to a number, as Meta writes it; each one is another. */
export function textTo(number: Pick<CloudNumber, 'phoneNumberId' | 'wabaId'>, body = 'hello'): string {
  return JSON.stringify({ object: 'whatsapp_business_account', entry: [entryTo(number, body)] })
}

export function entryTo(
  { phoneNumberId, wabaId }: Pick<CloudNumber, 'phoneNumberId' | 'wabaId'>,
  body = 'hello',
) {
  made += 1
  return {
    id: wabaId,
    changes: [
      {
        field: 'messages',
        value: {
          messaging_product: 'whatsapp',
          metadata: { display_phone_number: '15550783881', phone_number_id: phoneNumberId },
          contacts: [{ profile: { name: 'Cora' }, wa_id: '16505551234' }],
          messages: [
            {
              from: '16505551234',
              id: `wamid.${made}`,
              timestamp: '1783000000',
              type: 'text',
              text: { body },
            },
          ],
        },
      },
    ],
  }
}

/** News of an account, which name no number. */
export function accountNews(wabaId: string): string {
  made += 1
  return JSON.stringify({
    object: 'whatsapp_business_account',
    entry: [
      {
        id: wabaId,
        time: 1_783_000_000 + made,
        changes: [
          {
            field: 'message_template_status_update',
            value: {
              event: 'APPROVED',
              message_template_id: made,
              message_template_name: 'order_update',
              message_template_language: 'en_US',
              reason: 'NONE',
            },
          },
        ],
      },
    ],
  })
}
