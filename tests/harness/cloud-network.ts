import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { signatureOf } from '../../src/providers/signature.ts'
import { delivery, statusOf, wamid } from '../ingest/cloud-bodies.ts'
import type { CloudNumber } from '../webhooks/intake-hub.ts'
import { type Answered, checkAnswer } from './check-answer.ts'
import { type CloudFiles, serveFiles } from './cloud-files.ts'
import type { Hub } from './hub.ts'
import { type StandInAnswer, startStandIn } from './provider-stand-in.ts'

/** What the network does with a send. `accepted-then-cut` took it and the sender never learns so. */
export type Verdict = 'accept' | 'accepted-then-cut' | 'cut' | 'stall' | 'error' | 'refuse'

/** A send as it came over the wire. */
export interface CloudSend {
  /** Our message id, which we asked to get back with the statuses. */
  readonly ref: string
  readonly phoneNumberId: string
  readonly to: string
  readonly text: string | null
  /** The network's id when it took the message; null when it did not. */
  readonly id: string | null
}

/** Meta's side: it takes sends and counts them, and posts signed webhooks until they are answered 200, as Meta does. */
export interface CloudNetwork extends AsyncDisposable, CloudFiles {
  /** For GRAPH_API_URL. */
  readonly url: string
  /** For MEDIA_HOSTS. */
  readonly host: string
  readonly sends: readonly CloudSend[]
  /** Every delivery that was answered 200, and how often any other answer or none came. */
  readonly counts: { delivered: number; repeated: number }
  /** Numbers of the network by our message: how often it was taken. */
  acceptedOf(ref: string): number
  decide(verdict: (send: Omit<CloudSend, 'id'>) => Verdict): void
  onAccepted(listener: (send: CloudSend & { id: string }) => void): void
  /** A number of a tenant on this network, connected. */
  connectNumber(hub: Hub, tenant?: string): Promise<CloudNumber>
  /** Where deliveries are posted to, without path. */
  postTo(restUrl: string): void
  /** Posts once; the status, or undefined when no answer came. */
  post(number: CloudNumber, body: string): Promise<number | undefined>
  /** Posts until it is answered 200. Fails when that takes longer than a minute. */
  deliver(number: CloudNumber, body: string): Promise<void>
  /** Tells a status of a send until it is taken. */
  tell(number: CloudNumber, send: CloudSend & { id: string }, status: string): Promise<void>
}

const longestDelivery = 60_000

export async function startCloudNetwork(): Promise<CloudNetwork> {
  const server = await startStandIn()
  const sends: CloudSend[] = []
  const accepted = new Map<string, number>()
  const listeners: ((send: CloudSend & { id: string }) => void)[] = []
  const counts = { delivered: 0, repeated: 0 }
  let decide: (send: Omit<CloudSend, 'id'>) => Verdict = () => 'accept'
  let restUrl = ''

  server.always({
    method: 'POST',
    path: /^\/\d+\/messages$/,
    answer: ({ path, json }): StandInAnswer => {
      const body = json as Record<string, unknown> & { text?: { body: string } }
      if (body['status'] === 'read') return { json: { success: true } }
      const send = {
        ref: String(body['biz_opaque_callback_data']),
        phoneNumberId: path.split('/')[1] ?? '',
        to: String(body['to'] ?? body['recipient']).replace('+', ''),
        text: body.text?.body ?? null,
      }
      const verdict = decide(send)
      if (verdict !== 'accept' && verdict !== 'accepted-then-cut') {
        sends.push({ ...send, id: null })
        return refusals[verdict]
      }
      const taken = { ...send, id: wamid() }
      sends.push(taken)
      accepted.set(send.ref, (accepted.get(send.ref) ?? 0) + 1)
      for (const listener of listeners) listener(taken)
      if (verdict === 'accepted-then-cut') return { fault: 'reset' }
      return {
        json: {
          messaging_product: 'whatsapp',
          contacts: [{ input: send.to, wa_id: send.to }],
          messages: [{ id: taken.id }],
        },
      }
    },
  })

  const files = serveFiles(server)
  // Nobody has templates here.
  server.always({ method: 'GET', path: /^\/\d+\/message_templates/, answer: { json: { data: [] } } })

  const post: CloudNetwork['post'] = async (number, body) => {
    let answer: Answered
    try {
      const response = await fetch(`${restUrl}/api/webhooks/whatsapp`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'x-hub-signature-256': signatureOf(Buffer.from(body), number.appSecret),
        },
        body,
        signal: AbortSignal.timeout(5000),
      })
      answer = { status: response.status, headers: response.headers, text: await response.text() }
    } catch {
      return undefined
    }
    checkAnswer('POST', '/api/webhooks/whatsapp', answer)
    return answer.status
  }
  const deliver: CloudNetwork['deliver'] = async (number, body) => {
    const end = performance.now() + longestDelivery
    for (let wait = 30; ; wait = Math.min(wait * 2, 500)) {
      const status = await post(number, body)
      if (status === 200) break
      if (performance.now() > end)
        throw new Error(`a delivery was never taken; the last answer was ${status}`)
      counts.repeated += 1
      await pause(wait)
    }
    counts.delivered += 1
  }

  return {
    ...files,
    url: server.url,
    host: server.host,
    sends,
    counts,
    acceptedOf: (ref) => accepted.get(ref) ?? 0,
    decide: (verdict) => {
      decide = verdict
    },
    onAccepted: (listener) => void listeners.push(listener),
    connectNumber: async (hub, tenant) => {
      const phoneNumberId = `10${randomBytes(6).readUIntBE(0, 6)}`
      const wabaId = `20${randomBytes(6).readUIntBE(0, 6)}`
      const [appSecret, verifyToken] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')]
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
    postTo: (url) => {
      restUrl = url
    },
    post,
    deliver,
    tell: (number, { id, ref, to }, status) =>
      deliver(number, delivery(number, [statusOf(id, status, { callback: ref, to })])),
    [Symbol.asyncDispose]: () => server.close(),
  }
}

const refusals: Record<Exclude<Verdict, 'accept' | 'accepted-then-cut'>, StandInAnswer> = {
  cut: { fault: 'reset' },
  stall: { fault: 'stall' },
  error: { status: 500, json: { error: { message: 'An unknown error occurred', code: 1 } } },
  refuse: { status: 400, json: { error: { message: 'Message undeliverable', code: 131026 } } },
}
