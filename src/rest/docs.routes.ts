import { type RequestHandler, Router } from 'express'
import { z } from 'zod'
import { declare, plain } from '../http/declaration.ts'
import type { Config } from '../platform/config.ts'
import { type Documents, documentsOf } from './documents/documents.ts'
import { referencePage } from './documents/reference-page.ts'
import { referenceStyle } from './documents/reference-style.ts'
import type { Operation } from './operations.ts'

const document = z.record(z.string(), z.unknown())

/**
 * What there is to know of us, for programs and people: /openapi.json, /asyncapi.json, and /docs, a page of both, to which
 * the bare address leads. They are made when somebody first asks. Nobody has to sign in: it is the same for everybody and says nothing about anybody.
 */
export function docsRoutes(
  deps: { readonly config: Pick<Config, 'BASE_PATH' | 'SSO_COOKIE'> },
  operations: () => readonly Operation[],
): Router {
  let made: Documents | undefined
  const documents = (): Documents => (made ??= documentsOf(operations(), deps.config))
  const router = Router()

  const json = (member: keyof Documents): RequestHandler => {
    let text: string | undefined
    return (_request, response) => {
      text ??= JSON.stringify(documents()[member])
      response.type('application/json').send(text)
    }
  }
  router.get(
    '/openapi.json',
    declare({ ...plain, does: 'Describes the REST interface', answers: { 200: document } }, json('openapi')),
  )
  router.get(
    '/asyncapi.json',
    declare({ ...plain, does: 'Describes the socket', answers: { 200: document } }, json('asyncapi')),
  )

  router.get(
    '/',
    declare(
      {
        ...plain,
        does: 'Leads to the page of both',
        answers: { 302: { body: null, headers: ['location'] } },
      },
      (_request, response) => {
        response.status(302).set('location', `${deps.config.BASE_PATH}/docs`).end()
      },
    ),
  )

  let page: string | undefined
  router.get(
    '/docs',
    declare(
      { ...plain, does: 'Describes both to people', answers: { 200: { body: 'text/html' } } },
      (_request, response) => {
        page ??= referencePage(documents(), deps.config.BASE_PATH)
        response.type('text/html').send(page)
      },
    ),
  )
  router.get(
    '/docs/style.css',
    declare(
      { ...plain, does: 'The looks of the page', answers: { 200: { body: 'text/css' } } },
      (_request, response) => {
        response.type('text/css').send(referenceStyle)
      },
    ),
  )
  return router
}
