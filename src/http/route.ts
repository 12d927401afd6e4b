import type { Request, RequestHandler } from 'express'
import { z } from 'zod'
import { presentActor } from '../auth/actor.ts'
import { Failure } from '../contract/errors.ts'
import { type CommitMoment, notingCommits, observeAnswer } from '../log/commit-moment.ts'
import { readTenant } from '../log/read-tenant.ts'
import { inTenant, type LogDeps, type TenantTx } from '../log/tenant-tx.ts'
import type { Config } from '../platform/config.ts'
import { can } from '../auth/can.ts'
import type { ErrorCode } from '../contract/errors.ts'
import { type ExpectedVersions, readIfMatch } from './conditional.ts'
import { type Answers, declare, type Right, type Shape } from './declaration.ts'
import { parsePart } from './faults.ts'
import { claimKey, findAnswer, type IdempotencyKey, keepAnswer, readIdempotencyKey } from './idempotency.ts'
import { type Caller, callerOf } from './request-context.ts'
import { type Reply, replyOf, sendReply } from './reply.ts'

export type RouteDeps = LogDeps & { readonly config: Pick<Config, 'IDEMPOTENCY_HOURS'> }

type Parsed<S extends Shape> = { [K in keyof S]: z.infer<S[K]> }

/** What a route takes and answers. Nothing that is not named here is let through. */
export interface RouteSchema<Params extends Shape, Query extends Shape, Body extends z.ZodType> {
  /** In a few words, for the reference: "Lists customers". */
  readonly does: string
  /** What it takes of the policy; judged before anything of the request is read. */
  readonly action: Exclude<Right, 'public' | 'operator'>
  /** Members of the path; one in the wrong form is `not_found`, like an id that does not exist. */
  readonly params?: Params
  /** Members of the query, each a text until its schema makes it something else. */
  readonly query?: Query
  /** Use strictObject all the way down. Left out, the body must be absent or `{}`. */
  readonly body?: Body
  /** What it answers when it succeeds, by status; the first is that of a returned plain value. */
  readonly answers: Answers
  /** Codes that its use case fails with, beside those that every route can answer with. */
  readonly errors?: readonly ErrorCode[]
}

/** What a handler gets. */
export interface RouteContext<Params, Query, Body> extends Caller {
  readonly params: Params
  readonly query: Query
  readonly body: Body
  /** For `requireVersion` on the locked row. */
  readonly ifMatch: ExpectedVersions
  /**
   * The one transaction of a handler that changes something: `inTenant` as this caller. What `work` returns is the answer of
   * the request (return it as it is); with an Idempotency-Key it is kept in this very transaction, so that a repeat gets
   * the same bytes although the first answer was lost on the way (REST5). `work` may run more than once.
   */
  write<T>(work: (tx: TenantTx) => Promise<T>): Promise<T>
  /** Reads rows of the caller's tenant in one snapshot; `ends` as readTenant has it. */
  read<T>(...reader: ReaderOf<T>): Promise<T>
}

/** What readTenant is told beside whose rows it reads. */
type ReaderOf<T> =
  Parameters<typeof readTenant<T>> extends [unknown, unknown, ...infer Reader] ? Reader : never

/** Leaves a handler when its key has an answer already. */
class AnsweredBefore extends Error {
  readonly answer: Reply
  constructor(answer: Reply) {
    super('this key was answered before')
    this.answer = answer
  }
}

const noBody = z.strictObject({})

/**
 * An Express handler from a schema and a function that returns or throws. It gets what it asked for, checked; it
 * returns a value (JSON), `reply(…)` (with status or headers) or nothing (204), and throws a Failure for everything else.
 *
 * A POST whose handler does not use `ctx.write` keeps its answer after the fact; then its use case must have a natural
 * key of its own (a clientMessageId), or a repeat after a crash does it twice.
 */
export function route<
  Params extends Shape = Record<never, never>,
  Query extends Shape = Record<never, never>,
  Body extends z.ZodType = typeof noBody,
>(
  deps: RouteDeps,
  schema: RouteSchema<Params, Query, Body>,
  handle: (context: RouteContext<Parsed<Params>, Parsed<Query>, z.infer<Body>>) => Promise<unknown>,
): RequestHandler {
  const params = z.strictObject(schema.params ?? {})
  const query = z.strictObject(schema.query ?? {})
  const body = schema.body ?? noBody
  const status = Number(Object.keys(schema.answers)[0])
  // What a request without a query asks for: found out once, for most reads are such, and it takes 6 µs to find no filter there.
  const nothingAsked = query.safeParse({})
  const queryOf = (request: Request) =>
    (nothingAsked.success && !request.url.includes('?')
      ? nothingAsked.data
      : parsePart(query, request.query, 'query')) as Parsed<Query>

  const handler: RequestHandler = async (request, response) => {
    const caller = callerOf(request)
    requireRight(caller.actor, schema.action)
    const { tenantId } = caller.actor
    const place = params.safeParse(request.params)
    if (!place.success) throw new Failure('not_found')
    const key = readIdempotencyKey(request, caller.actor)
    const since = new Date(deps.clock.now().getTime() - deps.config.IDEMPOTENCY_HOURS * 3_600_000)
    let kept = false

    const write = async <T>(work: (tx: TenantTx) => Promise<T>): Promise<T> => {
      const keyed = async (tx: TenantTx): Promise<T> => {
        if (key === null) return work(tx)
        const answer = await claimKey(tx, key, since)
        if (answer !== null) throw new AnsweredBefore(answer)
        const result = await work(tx)
        await tx.flush()
        await keepAnswer(tx, key, replyOf(result, status))
        return result
      }
      const result = await inTenant(deps, tenantId, keyed, presentActor(caller.actor))
      kept = true
      return result
    }

    const context = {
      ...caller,
      params: place.data as Parsed<Params>,
      query: queryOf(request),
      body: (readsBody(request) ? parsePart(body, request.body ?? {}, 'body') : undefined) as z.infer<Body>,
      ifMatch: readIfMatch(request.headers['if-match']),
      write,
      read: <T>(...reader: ReaderOf<T>) => readTenant(deps, tenantId, ...reader),
    }

    const before =
      key === null ? null : await readTenant(deps, tenantId, (ask) => findAnswer({ query: ask }, key, since))
    const moment: CommitMoment = {}
    const work = readsBody(request)
      ? () => notingCommits(moment, () => handle(context))
      : () => handle(context)
    const answer = before ?? (await answerOf(work, status))
    if (key !== null && before === null && !kept) await keepLater(deps, tenantId, key, answer)
    sendReply(response, answer)
    observeAnswer(moment, deps.metrics?.commitToAck)
  }
  const { does, action, answers } = schema
  return declare(
    {
      does,
      action,
      params: schema.params ?? {},
      query: schema.query ?? {},
      body,
      answers,
      errors: schema.errors ?? [],
      keyed: true,
    },
    handler,
  )
}

/** Fails with `forbidden` when the caller may do none of it. */
function requireRight(actor: Caller['actor'], right: Exclude<Right, 'public' | 'operator'>): void {
  if (right === 'signed-in') return
  const wanted = typeof right === 'string' ? [right] : right
  if (!wanted.some((action) => can(actor, action))) throw new Failure('forbidden')
}

const readsBody = (request: Request): boolean => request.method !== 'GET' && request.method !== 'HEAD'

async function answerOf(handle: () => Promise<unknown>, status: number): Promise<Reply> {
  try {
    return replyOf(await handle(), status)
  } catch (error) {
    if (error instanceof AnsweredBefore) return error.answer
    throw error
  }
}

/** The change is committed; an answer that cannot be kept must not turn it into an error. */
async function keepLater(
  deps: RouteDeps,
  tenantId: string,
  key: IdempotencyKey,
  answer: Reply,
): Promise<void> {
  await inTenant(deps, tenantId, (tx) => keepAnswer(tx, key, answer)).catch(() => {})
}
