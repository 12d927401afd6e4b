import { Router } from 'express'
import { z } from 'zod'
import { type ContactView, contactView } from '../../contract/records.ts'
import { dataOf, listOf } from '../../contract/rest/answers.ts'
import {
  duplicateReasons,
  duplicatesView,
  identityInput,
  identityQuery,
  listedMergeView,
  mergeAnswer,
  mergeContactsBody,
  timelineItem,
  timelineKinds,
} from '../../contract/rest/contacts.ts'
import { etagOf } from '../../http/conditional.ts'
import { paging } from '../../http/cursor.ts'
import { reply } from '../../http/reply.ts'
import { parsePart } from '../../http/faults.ts'
import { route } from '../../http/route.ts'
import type { Config } from '../../platform/config.ts'
import { type RecordDeps, recordId, recordRoutes } from '../records/record.routes.ts'
import { addIdentity, removeIdentity } from './contact-identities.ts'
import { contactKind } from './contact-kind.ts'
import { findDuplicates } from './find-duplicates.ts'
import { listMerges } from './list-merges.ts'
import { listTimeline } from './list-timeline.ts'
import { mergeContact } from './merge-contact.ts'
import { undoMerge } from './undo-merge.ts'

export type ContactRouteDeps = RecordDeps & { readonly config: Pick<Config, 'DELETED_KEEP_DAYS'> }

const answer = (contact: ContactView) => reply({ data: contact }, { etag: etagOf(contact) })

/** /admin/contacts: the records, their addresses, who may be there twice, merging them, and their story. */
export function contactRoutes(deps: ContactRouteDeps): Router {
  const router = Router()
  const params = { id: recordId }
  const changed = { 200: { body: dataOf(contactView), headers: ['etag'] } } as const

  router.get(
    '/contacts/duplicates',
    route(
      deps,
      {
        does: 'Finds contacts that may be one person',
        action: 'record.read',
        query: { ...paging(deps.config), reason: z.enum(duplicateReasons).optional() },
        answers: { 200: listOf(duplicatesView) },
      },
      (ctx) => ctx.read((query) => findDuplicates(query, ctx.actor, ctx.query)),
    ),
  )

  router.get(
    '/contacts/merges',
    route(
      deps,
      {
        does: 'Lists merges of contacts, and until when they can be taken back',
        action: 'record.read',
        query: { ...paging(deps.config), contactId: recordId.optional() },
        answers: { 200: listOf(listedMergeView) },
      },
      (ctx) => ctx.read((query) => listMerges(query, ctx.actor, deps.config, ctx.query)),
    ),
  )

  router.get(
    '/contacts/:id/timeline',
    route(
      deps,
      {
        does: 'Tells the story of a contact',
        action: 'record.read',
        params,
        query: { ...paging(deps.config), kind: z.enum(timelineKinds).optional() },
        answers: { 200: listOf(timelineItem) },
      },
      (ctx) => ctx.read((query) => listTimeline(query, ctx.actor, { ...ctx.params, ...ctx.query })),
    ),
  )

  router.post(
    '/contacts/:id/identities',
    route(
      deps,
      {
        does: 'Adds an address to a contact',
        action: 'record.write',
        params,
        body: identityInput,
        answers: changed,
        errors: ['conflict'],
      },
      (ctx) =>
        ctx.write(async (tx) => answer(await addIdentity(tx, ctx, { ...ctx.params, identity: ctx.body }))),
    ),
  )

  router.delete(
    '/contacts/:id/identities',
    route(
      deps,
      {
        does: 'Takes an address from a contact',
        action: 'record.write',
        params,
        query: identityQuery,
        answers: changed,
        errors: ['conflict'],
      },
      (ctx) => {
        const identity = parsePart(identityInput, ctx.query, 'query')
        return ctx.write(async (tx) => answer(await removeIdentity(tx, ctx, { ...ctx.params, identity })))
      },
    ),
  )

  router.post(
    '/contacts/:id/merge',
    route(
      deps,
      {
        does: 'Merges another contact into this one',
        action: 'record.write',
        params,
        body: mergeContactsBody,
        answers: { 200: mergeAnswer },
        errors: ['conflict'],
      },
      (ctx) => ctx.write((tx) => mergeContact(tx, ctx, { ...ctx.params, ...ctx.body })),
    ),
  )

  router.post(
    '/contacts/merges/:mergeId/undo',
    route(
      deps,
      {
        does: 'Takes a merge back',
        action: 'record.write',
        params: { mergeId: z.uuid() },
        answers: { 200: mergeAnswer },
        errors: ['conflict'],
      },
      (ctx) => ctx.write((tx) => undoMerge(tx, ctx, ctx.params.mergeId)),
    ),
  )

  router.use(recordRoutes(deps, contactKind))
  return router
}
