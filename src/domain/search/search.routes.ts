import { Router } from 'express'
import { searchQuery } from '../../contract/rest/messages.ts'
import { paging } from '../../http/cursor.ts'
import { route, type RouteDeps } from '../../http/route.ts'
import type { Config } from '../../platform/config.ts'
import { searchMessages } from '../messages/search-messages.ts'
import { searchContacts, searchCustomers, searchDeals } from './search-records.ts'

export type SearchDeps = RouteDeps & { readonly config: Config }

const searches = {
  messages: searchMessages,
  contacts: searchContacts,
  customers: searchCustomers,
  deals: searchDeals,
} as const

/** One search over everything, under /api/v1. */
export function searchRoutes(deps: SearchDeps): Router {
  const router = Router()
  router.get(
    '/search',
    route(deps, { query: { ...searchQuery.shape, ...paging(deps.config) } }, (ctx) =>
      searches[ctx.query.kind](deps, ctx.actor, ctx.query),
    ),
  )
  return router
}
