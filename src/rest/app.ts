import express, { type Express, type IRouter, type RequestHandler } from 'express'
import type { Deps } from '../deps.ts'
import { auditRoutes } from '../domain/audit/audit.routes.ts'
import { channelRoutes } from '../domain/channels/channels.routes.ts'
import { channelMemberRoutes } from '../domain/channels/members.routes.ts'
import { conversationRoutes } from '../domain/conversations/conversations.routes.ts'
import { keyRoutes } from '../domain/keys/keys.routes.ts'
import { mediaRoutes } from '../domain/media/media.routes.ts'
import { messageRoutes } from '../domain/messages/messages.routes.ts'
import { searchRoutes } from '../domain/search/search.routes.ts'
import { syncRoutes } from '../domain/sync/sync.routes.ts'
import { teamRoutes } from '../domain/teams/teams.routes.ts'
import { templateRoutes } from '../domain/templates/templates.routes.ts'
import { reportRoutes } from '../domain/reports/reports.routes.ts'
import { crmRoutes } from '../domain/records/crm.routes.ts'
import { operateTenantsRoutes } from '../domain/tenants/operate-tenants.routes.ts'
import { tenantRoutes } from '../domain/tenants/tenant.routes.ts'
import { manageUserRoutes } from '../domain/users/manage-users.routes.ts'
import { crmProfileRoutes, userRoutes } from '../domain/users/users.routes.ts'
import { webhookRoutes } from '../domain/webhooks/webhooks.routes.ts'
import type { Readiness } from '../platform/readiness.ts'
import { docsRoutes } from './docs.routes.ts'
import { byFirstWord } from './by-first-word.ts'
import { door } from './door.ts'
import type { EntryCache } from './entry-cache.ts'
import { errorResponse } from './error-response.ts'
import { crossOrigin, requestId, securityHeaders } from './headers.ts'
import { healthRoutes } from './health.routes.ts'
import { type Mount, nothingThere } from './nothing-there.ts'
import { operationsOf } from './operations.ts'
import { operatorDoor } from './operator-door.ts'
import { limitPerAddress, limitPerCaller, limitPerOperator } from './rate-limits.ts'
import { readJson } from './read-json.ts'
import { requestLog } from './request-log.ts'
import { signInRoutes } from './sign-in.routes.ts'
import { validateRoutes } from './validate.routes.ts'

/** What the app is made of beside its dependencies. */
export interface AppParts {
  readonly entries: EntryCache
  readonly readiness: () => Promise<Readiness>
}

/**
 * The whole REST surface under BASE_PATH. In order: id, log, headers; probes; webhooks with raw bodies; the limit per
 * address; the door; the limit per caller; bodies; the features; then what is not there, and what went wrong.
 */
export function createApp(deps: Deps, { entries, readiness }: AppParts): Express {
  const { config } = deps
  const base = config.BASE_PATH
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('query parser', 'simple')
  app.set('trust proxy', [...config.TRUST_PROXY])

  app.use(inOne(requestId, requestLog(deps.log, deps.metrics), securityHeaders(), crossOrigin(config)))

  const { open, beforeDoor, forOperators, behindDoor } = mountsOf(deps, { entries, readiness })
  mount(app, open)
  app.use(limitPerAddress(deps))

  const json = readJson(config)
  app.use(`${base}/api/auth`, json)
  mount(app, beforeDoor)

  app.use(`${base}/operator`, inOne(operatorDoor(deps, entries), limitPerOperator(deps), json))
  mount(app, forOperators)

  const guarded = [...new Set(behindDoor.map(({ at }) => at))]
  app.use(guarded, inOne(door(deps, entries), limitPerCaller(deps), json))
  mount(app, behindDoor)

  app.use(nothingThere([...open, ...beforeDoor, ...forOperators, ...behindDoor]))
  app.use(errorResponse(deps.log))
  return app
}

/**
 * All routers and where they stand: those that everybody reaches, those that take credentials, those for who operates the
 * installation, and those behind the door; and the operations that they serve. Fails when one of them says nothing of itself. Nothing is asked of `deps` but its
 * configuration until somebody calls.
 */
export function mountsOf(deps: Deps, { entries, readiness }: AppParts) {
  const base = deps.config.BASE_PATH
  const open: Mount[] = [
    { at: base, router: healthRoutes(deps, readiness) },
    // Before any limit per address: Meta posts from a few, and what it posts must not be lost.
    { at: `${base}/api/webhooks`, router: webhookRoutes(deps) },
    { at: base, router: docsRoutes(deps, () => operations) },
  ]
  const beforeDoor: Mount[] = [
    { at: `${base}/api/auth`, router: validateRoutes(deps, entries) },
    { at: `${base}/api/auth`, router: signInRoutes(deps, entries) },
  ]
  const forOperators: Mount[] = [{ at: `${base}/operator`, router: operateTenantsRoutes(deps) }]
  const behindDoor: Mount[] = [
    { at: `${base}/api/v1`, router: channelRoutes(deps) },
    { at: `${base}/api/v1`, router: channelMemberRoutes(deps) },
    { at: `${base}/api/v1`, router: templateRoutes(deps) },
    { at: `${base}/api/v1`, router: conversationRoutes(deps) },
    { at: `${base}/api/v1`, router: messageRoutes(deps) },
    { at: `${base}/api/v1`, router: mediaRoutes(deps) },
    { at: `${base}/api/v1`, router: searchRoutes(deps) },
    { at: `${base}/api/v1`, router: syncRoutes(deps) },
    { at: `${base}/admin`, router: userRoutes(deps) },
    { at: `${base}/admin`, router: manageUserRoutes(deps) },
    { at: `${base}/admin`, router: teamRoutes(deps) },
    { at: `${base}/admin`, router: tenantRoutes(deps) },
    { at: `${base}/admin`, router: keyRoutes(deps) },
    { at: `${base}/admin`, router: crmRoutes(deps) },
    { at: `${base}/admin`, router: auditRoutes(deps) },
    { at: `${base}/admin`, router: reportRoutes(deps) },
    { at: `${base}/api/users`, router: crmProfileRoutes(deps) },
  ]
  const operations = operationsOf([...open, ...beforeDoor, ...forOperators, ...behindDoor], base)
  return { open, beforeDoor, forOperators, behindDoor, operations }
}

/** Handlers as one, so that Express compares the path once. */
function inOne(...handlers: readonly RequestHandler[]): RequestHandler {
  return (request, response, next) => {
    const go = (place: number, error?: unknown): unknown => {
      const handler = error === undefined ? handlers[place] : undefined
      return handler ? handler(request, response, (fault?: unknown) => go(place + 1, fault)) : next(error)
    }
    return go(0) as void
  }
}

function mount(app: IRouter, mounts: readonly Mount[]): void {
  for (const [at, there] of Map.groupBy(mounts, (one) => one.at))
    app.use(at === '' ? '/' : at, byFirstWord(there.map(({ router }) => router)))
}
