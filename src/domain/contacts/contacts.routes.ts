import { Router } from 'express'
import { z } from 'zod'
import type { ContactView } from '../../contract/records.ts'
import {
  duplicateReasons,
  identityInput,
  identityQuery,
  mergeContactsBody,
  timelineKinds,
} from '../../contract/rest/contacts.ts'
import { etagOf } from '../../http/conditional.ts'
import { paging } from '../../http/cursor.ts'
import { reply } from '../../http/reply.ts'
import { parsePart } from '../../http/faults.ts'
import { route } from '../../http/route.ts'
import { type RecordDeps, recordId, recordRoutes } from '../records/record.routes.ts'
import { addIdentity, removeIdentity } from './contact-identities.ts'
import { contactKind } from './contact-kind.ts'
import { findDuplicates } from './find-duplicates.ts'
import { listTimeline } from './list-timeline.ts'
import { mergeContact } from './merge-contact.ts'
import { undoMerge } from './undo-merge.ts'

const answer = (contact: ContactView) => reply({ data: contact }, { etag: etagOf(contact) })

/** /admin/contacts: the records, their addresses, who may be there twice, merging them, and their story. */
export function contactRoutes(deps: RecordDeps): Router {
  const router = Router()
  const params = { id: recordId }

  router.get(
    '/contacts/duplicates',
    route(deps, { query: { ...paging(deps.config), reason: z.enum(duplicateReasons).optional() } }, (ctx) =>
      ctx.read((query) => findDuplicates(query, ctx.actor, ctx.query)),
    ),
  )

  router.get(
    '/contacts/:id/timeline',
    route(
      deps,
      { params, query: { ...paging(deps.config), kind: z.enum(timelineKinds).optional() } },
      (ctx) => ctx.read((query) => listTimeline(query, ctx.actor, { ...ctx.params, ...ctx.query })),
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

  router.post(
    '/contacts/:id/merge',
    route(deps, { params, body: mergeContactsBody }, (ctx) =>
      ctx.write((tx) => mergeContact(tx, ctx, { ...ctx.params, ...ctx.body })),
    ),
  )

  router.post(
    '/contacts/merges/:mergeId/undo',
    route(deps, { params: { mergeId: z.uuid() } }, (ctx) =>
      ctx.write((tx) => undoMerge(tx, ctx, ctx.params.mergeId)),
    ),
  )

  router.use(recordRoutes(deps, contactKind))
  return router
}
