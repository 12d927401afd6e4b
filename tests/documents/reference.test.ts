import { afterAll, beforeAll, expect, test } from 'vitest'
import { can } from '../../src/auth/can.ts'
import { documents, operations } from '../harness/documents.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { type RestClient, startRestOf } from '../harness/rest-client.ts'

let hub: Hub
let rest: RestClient

beforeAll(async () => {
  hub = await startHub({ BASE_PATH: '/crmwhats', LIST_LIMIT: '77', SSO_COOKIE: 'a_cookie' })
  rest = await startRestOf(hub)
})
afterAll(() => hub[Symbol.asyncDispose]())

interface Served {
  readonly servers: unknown
  readonly paths: Readonly<
    Record<string, Record<string, { parameters: { name: string; schema: unknown }[] }>>
  >
  readonly components: { readonly securitySchemes: { readonly cookie: object } }
}

test('[DOC5] both documents are served to everybody, with the limits and the base path that hold here', async () => {
  const { body } = await rest.call<Served>('GET', '/openapi.json')
  expect(body.servers).toEqual([{ url: '/crmwhats' }])
  expect(Object.keys(body.paths)).toEqual(Object.keys(documents.openapi['paths'] as object))
  expect(body.paths['/admin/tags']?.['get']?.parameters).toContainEqual(
    expect.objectContaining({
      name: 'limit',
      schema: expect.objectContaining({ type: 'integer', maximum: 77 }),
    }),
  )
  expect(body.components.securitySchemes.cookie).toMatchObject({ name: 'a_cookie' })
  const socket = await rest.call('GET', '/asyncapi.json')
  expect(socket.body).toMatchObject({ servers: { gateway: { pathname: '/crmwhats/socket.io' } } })
})

test('[DOC5] the bare address leads to the page', async () => {
  for (const path of ['/', '']) {
    const answer = await fetch(`${rest.origin}/crmwhats${path}`, { redirect: 'manual' })
    expect([answer.status, answer.headers.get('location')]).toEqual([302, '/crmwhats/docs'])
    const page = await fetch(`${rest.origin}/crmwhats${path}`)
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
  }
})

test('[DOC5] the page needs nothing from elsewhere, no script, and nothing that our own headers forbid', async () => {
  const page = await rest.call<string>('GET', '/docs')
  expect(page.headers.get('content-type')).toMatch(/^text\/html/)
  expect(page.headers.get('content-security-policy')).toContain("style-src 'self'")
  expect(page.text).not.toMatch(/<script|<style|style=|javascript:|\son\w+=/i)
  const asked = [...page.text.matchAll(/<(?:link|img|iframe|a)\b[^>]*?(?:href|src)="([^"#][^"]*)"/g)].map(
    (match) => match[1],
  )
  expect(new Set(asked)).toEqual(
    new Set(['/crmwhats/docs/style.css', '/crmwhats/openapi.json', '/crmwhats/asyncapi.json']),
  )
  const style = await rest.call<string>('GET', '/docs/style.css')
  expect([style.status, style.text.includes('url('), style.text.includes('@import')]).toEqual([
    200,
    false,
    false,
  ])
})

test('[DOC5] the page tells of every operation, command and event, and each of its links leads to a place on it', async () => {
  const { text } = await rest.call<string>('GET', '/docs')
  for (const { path, does } of operations)
    expect([path, text.includes(path), does, text.includes(escaped(does))]).toEqual([path, true, does, true])
  const { components } = documents.asyncapi as { components: { messages: Record<string, { name: string }> } }
  for (const { name } of Object.values(components.messages)) expect(text).toContain(`<code>${name}</code>`)
  const places = [...text.matchAll(/ id="([^"]+)"/g)].map((match) => match[1])
  expect(new Set(places).size).toBe(places.length)
  for (const [, place] of text.matchAll(/href="#([^"]+)"/g)) expect(places).toContain(place)
})

const escaped = (text: string): string => text.replaceAll("'", '&#39;')

test('[DOC6] what an operation says that it takes is what it takes: who may do none of it is refused before anything is read', async () => {
  for (const role of ['viewer', 'agent', 'manager'] as const) {
    const { actor, token } = await hub.signIn(role)
    for (const { method, path, action } of operations) {
      if (action === 'public' || action === 'signed-in') continue
      if (action !== 'operator' && [action].flat().some((one) => can(actor, one))) continue
      const place = path.replaceAll(/\{\w+\}/g, '1')
      const refused = await rest.refused(method.toUpperCase(), place, {
        token,
        ...(method !== 'get' && { json: { junk: 1 } }),
      })
      expect([role, method, path, refused.code]).toEqual([role, method, path, 'forbidden'])
    }
  }
})
