import { Router } from 'express'
import { z } from 'zod'
import type { ContactView } from '../../contract/records.ts'
import { duplicateReasons, identityInput, identityQuery } from '../../contract/rest/contacts.ts'
import { etagOf } from '../../http/conditional.ts'
import { paging } from '../../http/cursor.ts'
import { reply } from '../../http/reply.ts'
import { parsePart } from '../../http/faults.ts'
import { route } from '../../http/route.ts'
import { type RecordDeps, recordId, recordRoutes } from '../records/record.routes.ts'
import { addIdentity, removeIdentity } from './contact-identities.ts'
import { contactKind } from './contact-kind.ts'
import { findDuplicates } from './find-duplicates.ts'

const answer = (contact: ContactView) => reply({ data: contact }, { etag: etagOf(contact) })

/** /admin/contacts: the records, their addresses, and who may be there twice. */
export function contactRoutes(deps: RecordDeps): Router {
  const router = Router()
  const params = { id: recordId }

  router.get(
    '/contacts/duplicates',
    route(deps, { query: { ...paging(deps.config), reason: z.enum(duplicateReasons).optional() } }, (ctx) =>
      ctx.read((query) => findDuplicates(query, ctx.actor, ctx.query)),
    ),
  )

  router.post(
    '/contacts/:id/identities',
    route(deps, { params, body: identityInput }, (ctx) =>
      ctx.write(async (tx) => answer(await addIdentity(tx, ctx, { ...ctx.params, identity: ctx.body }))),
    ),
  )

  router.delete(
    '/contacts/:id/identities',
    route(deps, { params, query: identityQuery }, (ctx) => {
      const identity = parsePart(identityInput, ctx.query, 'query')
      return ctx.write(async (tx) => answer(await removeIdentity(tx, ctx, { ...ctx.params, identity })))
    }),
  )

  router.use(recordRoutes(deps, contactKind))
  return router
}
