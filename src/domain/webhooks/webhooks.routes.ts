import { type Request, type RequestHandler, Router } from 'express'
import { Failure } from '../../contract/errors.ts'
import type { Metrics } from '../../platform/metrics.ts'
import { within } from '../../platform/within.ts'
import type { ProviderName } from '../../providers/port.ts'
import { isSignature } from '../../providers/signature.ts'
import { ownerByKey } from './find-owners.ts'
import { type BodyLimits, type BodyReader, jsonOf, WaitingBytes, withBody } from './intake-body.ts'
import { type CloudDeps, deliveryFor, judgeCloudDelivery } from './intake-cloud.ts'
import { answerChallenge, isSameSecret } from './intake-handshake.ts'
import { type Delivery, type StoreDeps, storeDeliveries } from './store-deliveries.ts'

export interface WebhookDeps extends CloudDeps, StoreDeps {
  readonly config: CloudDeps['config'] & StoreDeps['config'] & BodyLimits
  readonly metrics: Pick<Metrics, 'ingress' | 'ingressAck'>
}

/** What the networks post. 200 means stored; everything else is a problem, and nothing was kept. See docs/webhooks.md. */
export function webhookRoutes(deps: WebhookDeps): Router {
  const router = Router()
  const waiting = new WaitingBytes(deps.config.WEBHOOK_WAITING_BYTES)

  router.get('/whatsapp', async (request, response) => {
    const challenge = await answerChallenge(deps, request.query)
    response.type('text/plain').send(challenge)
  })

  router.post(
    '/whatsapp',
    intake(deps, waiting, 'whatsapp-cloud', async (request, body) => {
      const signature = request.get('x-hub-signature-256')
      if (!isSignature(signature)) throw new Failure('signature_invalid')
      return judgeCloudDelivery(deps, await body.read(), signature)
    }),
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
    return [deliveryFor(owner, bytes)]
  })
  router.post('/evolution/:key', evolution)
  // An instance that was told `byEvents` appends the event, which the body names too.
  router.post('/evolution/:key/:event', evolution)
  return router
}

const keyShape = /^[\w-]{43}$/

/** A handler that answers when what was posted is committed, and counts what became of it. */
function intake(
  deps: WebhookDeps,
  waiting: WaitingBytes,
  provider: ProviderName,
  judge: (request: Request, body: BodyReader) => Promise<Delivery[]>,
): RequestHandler {
  return async (request, response) => {
    const stop = deps.metrics.ingressAck.startTimer({ provider })
    try {
      const deliveries = await withBody(request, deps.config, waiting, async (body) => {
        const judged = await judge(request, body)
        const stored = storeDeliveries(deps, judged)
        body.holdFor(stored)
        await inTime(stored, deps.config.WEBHOOK_ANSWER_MS)
        return judged
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

/** A commit that takes too long may still come; the network posts again, and finds it there. */
async function inTime(stored: Promise<void>, ms: number): Promise<void> {
  try {
    await within(stored, ms)
  } catch (error) {
    throw error instanceof Failure ? error : new Failure('unavailable', {}, { cause: error })
  }
}
