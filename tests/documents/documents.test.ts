import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { Validator } from '@seriousme/openapi-schema-validator'
import asyncApiSchemas from '@asyncapi/specs'
import { Ajv } from 'ajv'
import addFormats from 'ajv-formats'
import { Router } from 'express'
import { describe, expect, test } from 'vitest'
import { catalogue } from '../../src/contract/events/catalogue.ts'
import { commands, ephemeralCommands, ephemeralEvents, notices } from '../../src/contract/socket.ts'
import { declare, plain } from '../../src/http/declaration.ts'
import { operationsOf } from '../../src/rest/operations.ts'
import { checkAnswer } from '../harness/check-answer.ts'
import { documents, operations } from '../harness/documents.ts'

const root = join(import.meta.dirname, '../..')

test('[DOC1] the committed documents say what the routes and contracts say', () => {
  const run = spawnSync(process.execPath, [join(root, 'scripts/documents.mjs'), '--check'], {
    encoding: 'utf8',
  })
  expect(run.stderr).toBe('')
  expect(run.status).toBe(0)
})

test('[DOC1] a route that says nothing of itself cannot be served', () => {
  const router = Router()
  router.get(
    '/told',
    declare({ ...plain, does: 'Is told', answers: { 204: null } }, () => {}),
  )
  expect(operationsOf([{ at: '', router }], '')).toMatchObject([{ method: 'get', path: '/told' }])
  const inner = Router()
  inner.post('/silent/:id', () => {})
  router.use(inner)
  expect(() => operationsOf([{ at: '/api', router }], '')).toThrow('post /api/silent/{id}')
})

describe('documents', () => {
  test('[DOC2] the OpenAPI document is valid OpenAPI 3.1', async () => {
    const validator = new Validator()
    const result = await validator.validate(structuredClone(documents.openapi))
    expect(result.errors).toBeUndefined()
    expect([result.valid, validator.version]).toEqual([true, '3.1'])
  })

  test('[DOC2] the AsyncAPI document is valid AsyncAPI 3', () => {
    const ajv = new Ajv({ strict: false, meta: false, validateSchema: false })
    addFormats.default(ajv)
    const validate = ajv.compile(asyncApiSchemas.schemas['3.0.0'] as object)
    expect(validate(documents.asyncapi) ? '' : ajv.errorsText(validate.errors)).toBe('')
  })

  test.each(['openapi', 'asyncapi'] as const)(
    '[DOC2] every reference in the %s document leads somewhere',
    (name) => {
      const refs = [...JSON.stringify(documents[name]).matchAll(/"\$ref":"#([^"]+)"/g)].map(
        (match) => match[1] ?? '',
      )
      expect(refs.length).toBeGreaterThan(100)
      for (const ref of new Set(refs)) {
        const steps = ref.split('/').slice(1)
        const found = steps.reduce<unknown>(
          (at, step) => (at as Record<string, unknown> | undefined)?.[step],
          documents[name],
        )
        expect(found, ref).toBeDefined()
      }
    },
  )

  test('[DOC2] every operation has a name of its own, a right, and what each of its refusals means', () => {
    const { paths } = documents.openapi as { paths: Record<string, Record<string, Described>> }
    const all = Object.values(paths).flatMap((methods) => Object.values(methods))
    expect(all).toHaveLength(operations.length)
    expect(new Set(all.map(({ operationId }) => operationId)).size).toBe(all.length)
    for (const operation of all) {
      expect(operation['x-action'], operation.operationId).toBeTruthy()
      expect(Object.keys(operation.responses)).toContain('500')
      expect(operation.security, operation.operationId).toEqual(
        { public: [], operator: [{ operator: [] }] }[String(operation['x-action'])],
      )
    }
  })

  test('[DOC2] all that goes over the socket is in the AsyncAPI document', () => {
    const { components } = documents.asyncapi as { components: { messages: Record<string, unknown> } }
    const given = Object.keys({ ...commands, ...ephemeralCommands })
    expect(Object.keys(components.messages).sort()).toEqual(
      [
        ...catalogue.map(({ type }) => type),
        ...Object.keys(notices),
        ...Object.keys(ephemeralEvents),
        ...given.flatMap((name) => [`command.${name}`, `command.${name}.ack`]),
        'connect',
        'connect_error',
      ].sort(),
    )
  })
})

interface Described {
  readonly operationId: string
  readonly 'x-action': unknown
  readonly responses: Record<string, unknown>
  readonly security?: unknown
}

describe('what the tests check answers by', () => {
  const tag = {
    id: 1,
    name: 'a',
    color: null,
    version: 1,
    createdAt: '2026-01-01T00:00:00.000Z',
    updatedAt: '2026-01-01T00:00:00.000Z',
    deletedAt: null,
  }
  const problem = (code: string, status: number) => ({
    type: `urn:switchboard:problem:${code}`,
    title: 'x',
    status,
    detail: 'x',
    code,
    then: 'stop',
    requestId: 'x',
  })
  const check = (status: number, body: unknown, headers: Record<string, string> = {}, method = 'GET') =>
    checkAnswer(method, '/admin/tags/1', {
      status,
      headers: new Headers({
        'content-type': status < 400 ? 'application/json; charset=utf-8' : 'application/problem+json',
        ...headers,
      }),
      text: body === undefined ? '' : JSON.stringify(body),
    })
  const etag = { etag: '"1"' }

  test('[DOC3] an answer that is promised passes', () => {
    expect(() => check(200, { data: tag }, etag)).not.toThrow()
    expect(() => check(404, problem('not_found', 404))).not.toThrow()
    expect(() => check(204, undefined, { 'content-type': '' }, 'DELETE')).not.toThrow()
  })

  test.each([
    ['a status', () => check(202, { data: tag }, etag)],
    ['a shape', () => check(200, { data: { ...tag, version: '1' } }, etag)],
    ['a member', () => check(200, { data: { ...tag, secret: 'x' } }, etag)],
    ['a member that is missing', () => check(200, { data: { ...tag, name: undefined } }, etag)],
    ['a time', () => check(200, { data: { ...tag, createdAt: 'yesterday' } }, etag)],
    ['a header that is missing', () => check(200, { data: tag })],
    ['a header', () => check(200, { data: tag }, { ...etag, location: '/' })],
    ['a type', () => check(200, { data: tag }, { ...etag, 'content-type': 'text/html' })],
    ['a code', () => check(404, problem('media_gone', 404))],
    ['a code of another status', () => check(400, problem('not_found', 404))],
    ['a body', () => check(204, { data: tag }, {}, 'DELETE')],
  ])('[DOC3] %s that is not promised fails', (_what, answer) => {
    expect(answer).toThrow('not in the OpenAPI document')
  })

  test('[DOC3] a success where nobody serves anything fails', () => {
    const answer = { status: 200, headers: new Headers(), text: '' }
    expect(() => checkAnswer('GET', '/admin/nothing', answer)).toThrow('no such operation')
  })
})
