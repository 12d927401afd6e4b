import { Router } from 'express'
import { z } from 'zod'
import { searchAnswers, searchQuery } from '../../contract/rest/messages.ts'
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
    route(
      deps,
      {
        does: 'Searches messages, contacts, customers or deals',
        action: ['conversation.read', 'record.read', 'deal.read'],
        query: { ...searchQuery.shape, ...paging(deps.config) },
        answers: { 200: z.union(Object.values(searchAnswers)) },
      },
      (ctx) => searches[ctx.query.kind](deps, ctx.actor, ctx.query),
    ),
  )
  return router
}
