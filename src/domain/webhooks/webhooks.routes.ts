import { type Request, type RequestHandler, Router } from 'express'
import { z } from 'zod'
import { Failure } from '../../contract/errors.ts'
import { challengeQuery, receivedView } from '../../contract/rest/webhooks.ts'
import { declare, plain } from '../../http/declaration.ts'
import type { Metrics } from '../../platform/metrics.ts'
import { within } from '../../platform/within.ts'
import type { ProviderName } from '../../providers/port.ts'
import { isSignature } from '../../providers/signature.ts'
import { ownerByKey } from './find-owners.ts'
import { type BodyLimits, type BodyReader, jsonOf, WaitingBytes, withBody } from './intake-body.ts'
import { type CloudDeps, deliveryFor, judgeCloudDelivery, judgeFromMemory } from './intake-cloud.ts'
import { answerChallenge, isSameSecret } from './intake-handshake.ts'
import { type Delivery, Outdated, type StoreDeps, storeDeliveries } from './store-deliveries.ts'

export interface WebhookDeps extends CloudDeps, StoreDeps {
  readonly config: CloudDeps['config'] & StoreDeps['config'] & BodyLimits
  readonly metrics: Pick<Metrics, 'ingress' | 'ingressAck'>
}

/** What the networks post. 200 means stored; everything else is a problem, and nothing was kept. See docs/webhooks.md. */
export function webhookRoutes(deps: WebhookDeps): Router {
  const router = Router()
  const waiting = new WaitingBytes(deps.config.WEBHOOK_WAITING_BYTES)

  router.get(
    '/whatsapp',
    declare(
      {
        ...plain,
        does: "Answers Meta's question whether this address is ours",
        query: challengeQuery,
        answers: { 200: { body: 'text/plain' } },
        errors: ['forbidden', 'validation_failed', 'unavailable'],
      },
      async (request, response) => {
        const challenge = await answerChallenge(deps, request.query)
        response.type('text/plain').send(challenge)
      },
    ),
  )

  const cloud = intake(deps, waiting, 'whatsapp-cloud', async (request, body) => {
    const signature = request.get('x-hub-signature-256')
    if (!isSignature(signature)) throw new Failure('signature_invalid')
    const bytes = await body.read()
    const anew = () => judgeCloudDelivery(deps, bytes, signature)
    const deliveries = judgeFromMemory(deps, bytes, signature)
    return deliveries ? { deliveries, anew } : { deliveries: await anew() }
  })
  router.post(
    '/whatsapp',
    declare(
      {
        ...posted,
        does: 'Takes what Meta posts',
        headers: { 'x-hub-signature-256': 'sha256= and the HMAC-SHA256 of the body as it was sent' },
      },
      cloud,
    ),
  )

  const evolution = intake(deps, waiting, 'evolution', async (request, body) => {
    const { key } = request.params
    const owner = typeof key === 'string' && keyShape.test(key) ? await ownerByKey(deps, key) : undefined
    // A Cloud number has a key too, but comes in by its signature only.
    if (owner?.provider !== 'evolution') throw new Failure('not_found')
    if (owner.secrets === null)
      throw new Failure('unavailable', {}, { cause: new Error('the secrets of a channel cannot be read') })
    const secret = owner.secrets['webhookSecret']
    if (secret !== undefined && !isSameSecret(request.get('x-webhook-secret') ?? '', secret))
      throw new Failure('signature_invalid')
    const bytes = await body.read()
    jsonOf(bytes, deps.config)
    return { deliveries: [deliveryFor(owner, bytes)] }
  })
  const says = {
    ...posted,
    does: 'Takes what an Evolution server posts',
    headers: { 'x-webhook-secret': "the channel's webhookSecret, when it has one" },
    errors: [...posted.errors, 'not_found'],
  } as const
  const params = { key: z.string() }
  router.post('/evolution/:key', declare({ ...says, params }, evolution))
  // An instance that was told `byEvents` appends the event, which the body names too. One handler says one thing of itself.
  router.post(
    '/evolution/:key/:event',
    declare({ ...says, params: { ...params, event: z.string() } }, (...given) => evolution(...given)),
  )
  return router
}

/** What is the same of all that networks post. */
const posted = {
  ...plain,
  takes: 'application/json',
  answers: { 200: receivedView },
  errors: [
    'signature_invalid',
    'malformed_json',
    'validation_failed',
    'payload_too_large',
    'unsupported_media_type',
    'unavailable',
  ],
} as const

const keyShape = /^[\w-]{43}$/

/** A handler that answers when what was posted is committed, and counts what became of it. */
function intake(
  deps: WebhookDeps,
  waiting: WaitingBytes,
  provider: ProviderName,
  judge: (request: Request, body: BodyReader) => Promise<Judgement>,
): RequestHandler {
  return async (request, response) => {
    const stop = deps.metrics.ingressAck.startTimer({ provider })
    try {
      const deliveries = await withBody(request, deps.config, waiting, async (body) => {
        const stored = keep(deps, await judge(request, body))
        body.holdFor(stored)
        return inTime(stored, deps.config.WEBHOOK_ANSWER_MS)
      })
      const isKept = deliveries.every(({ quarantine }) => quarantine !== null)
      deps.metrics.ingress.inc({ provider, result: isKept ? 'quarantined' : 'stored' })
      response.json({ received: true })
    } catch (error) {
      deps.metrics.ingress.inc({ provider, result: error instanceof Failure ? error.code : 'internal' })
      throw error
    } finally {
      stop()
    }
  }
}

/** Whose a delivery is. `anew` looks again, when that was judged from memory and the database knows better. */
interface Judgement {
  readonly deliveries: Delivery[]
  readonly anew?: () => Promise<Delivery[]>
}

/** Commits what was judged; answers with it. */
async function keep(deps: WebhookDeps, { deliveries, anew }: Judgement): Promise<Delivery[]> {
  try {
    await storeDeliveries(deps, deliveries)
    return deliveries
  } catch (error) {
    if (!(error instanceof Outdated) || anew === undefined) throw error
    return keep(deps, { deliveries: await anew() })
  }
}

/** A commit that takes too long may still come; the network posts again, and finds it there. */
async function inTime<T>(stored: Promise<T>, ms: number): Promise<T> {
  try {
    return await within(stored, ms)
  } catch (error) {
    throw error instanceof Failure ? error : new Failure('unavailable', {}, { cause: error })
  }
}
