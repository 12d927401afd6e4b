import type { Request, RequestHandler } from 'express'
import { z } from 'zod'
import { presentActor } from '../auth/actor.ts'
import type { Operator } from '../auth/operator-keys.ts'
import { Failure } from '../contract/errors.ts'
import { inTenant, type LogDeps, type TenantTx } from '../log/tenant-tx.ts'
import { type ExpectedVersions, readIfMatch } from './conditional.ts'
import { declare, type Shape } from './declaration.ts'
import { parsePart } from './faults.ts'
import { addressOf, operatorOf, requestIdOf } from './request-context.ts'
import { replyOf, sendReply } from './reply.ts'
import type { RouteSchema } from './route.ts'

type Parsed<S extends Shape> = { [K in keyof S]: z.infer<S[K]> }

/** Whose doing a change is, for the trail of the tenant that it is made in. */
interface OperatorDoer {
  readonly actor: { readonly kind: 'system'; readonly tenantId: string; readonly name: string }
  readonly ip: string | undefined
  readonly requestId: string
}

export interface OperatorContext<Params, Query, Body> {
  readonly operator: Operator
  readonly params: Params
  readonly query: Query
  readonly body: Body
  readonly ifMatch: ExpectedVersions
  /** A change in a tenant, under the name of the key in its trail and its events. */
  change<T>(tenantId: string, work: (tx: TenantTx, by: OperatorDoer) => Promise<T>): Promise<T>
}

const noBody = z.strictObject({})

/**
 * As `route`, for who operates the installation. It takes no Idempotency-Key: what operators do is the same when it is done
 * twice, and answers are kept in tenants, of which an operator is none.
 */
export function operatorRoute<
  Params extends Shape = Record<never, never>,
  Query extends Shape = Record<never, never>,
  Body extends z.ZodType = typeof noBody,
>(
  deps: LogDeps,
  schema: Omit<RouteSchema<Params, Query, Body>, 'action'>,
  handle: (context: OperatorContext<Parsed<Params>, Parsed<Query>, z.infer<Body>>) => Promise<unknown>,
): RequestHandler {
  const params = z.strictObject(schema.params ?? {})
  const query = z.strictObject(schema.query ?? {})
  const body = schema.body ?? noBody
  const status = Number(Object.keys(schema.answers)[0])
  const { does, answers } = schema
  return declare(
    {
      does,
      action: 'operator',
      params: schema.params ?? {},
      query: schema.query ?? {},
      body,
      answers,
      errors: schema.errors ?? [],
      keyed: false,
    },
    async (request, response) => {
      const operator = operatorOf(request)
      const place = params.safeParse(request.params)
      if (!place.success) throw new Failure('not_found')
      const returned = await handle({
        operator,
        params: place.data as Parsed<Params>,
        query: parsePart(query, request.query, 'query') as Parsed<Query>,
        body: (readsBody(request) ? parsePart(body, request.body ?? {}, 'body') : undefined) as z.infer<Body>,
        ifMatch: readIfMatch(request.get('if-match')),
        change: (tenantId, work) => {
          const actor = { kind: 'system' as const, tenantId, name: `operator key ${operator.name}` }
          const by = { actor, ip: addressOf(request), requestId: requestIdOf(request) }
          return inTenant(deps, tenantId, (tx) => work(tx, by), presentActor(actor))
        },
      })
      sendReply(response, replyOf(returned, status))
    },
  )
}

const readsBody = (request: Request): boolean => request.method !== 'GET' && request.method !== 'HEAD'
