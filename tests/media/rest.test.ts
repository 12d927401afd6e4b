import { describe, expect, test } from 'vitest'
import type { MessageView } from '../../src/contract/message.ts'
import type { MediaLink, StartedUpload } from '../../src/contract/rest/media.ts'
import { checkUploaded } from '../../src/domain/media/check-uploaded.ts'
import { fetchAttachment } from '../../src/domain/media/fetch-attachment.ts'
import { startRest } from '../../src/rest/server.ts'
import { checkResponse } from '../harness/check-answer.ts'
import type { Hub } from '../harness/hub.ts'
import { bytes, startFileServer } from './file-server.ts'
import { startMediaHub } from './media-hub.ts'
import { photo } from './pictures.ts'

async function startApi(hub: Hub) {
  const rest = await startRest(hub.deps, { port: 0 })
  hub.onClose(() => rest.close())
  return async (
    path: string,
    token: string | null,
    init: { method?: string; body?: unknown; headers?: Record<string, string> } = {},
  ) => {
    const response = await fetch(`http://127.0.0.1:${rest.port}/api/v1${path}`, {
      method: init.method ?? 'GET',
      redirect: 'manual',
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(init.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...init.headers,
      },
      ...(init.body === undefined ? {} : { body: JSON.stringify(init.body) }),
    })
    await checkResponse(init.method ?? 'GET', `/api/v1${path}`, response)
    return response
  }
}

const nobody = { url: 'http://127.0.0.1:1', host: '127.0.0.1:1' }

describe('POST /api/v1/media', () => {
  test('[MED11] gives a signed address; the bytes go straight to the store, and then the file is ready', async () => {
    await using media = await startMediaHub(nobody)
    const { hub } = media
    const api = await startApi(hub)
    const picture = await photo()
    const body = { mimeType: 'image/jpeg', sizeBytes: picture.length, fileName: 'shrub.jpg' }
    const response = await api('/media', hub.token('agent'), { method: 'POST', body })
    expect(response.status).toBe(201)
    const { data } = (await response.json()) as { data: StartedUpload }
    expect(Object.keys(data).sort()).toEqual(['id', 'upload'])
    expect(Object.keys(data.upload).sort()).toEqual(['expiresAt', 'headers', 'method', 'url'])
    const put = await fetch(data.upload.url, {
      method: data.upload.method,
      headers: data.upload.headers,
      body: new Uint8Array(picture),
    })
    expect(put.status).toBe(200)
    const ready = await checkUploaded(hub.deps, hub.tenant.id, [data.id])
    expect(ready.get(data.id)).toMatchObject({ mimeType: 'image/jpeg', sizeBytes: picture.length })
    const audit = await hub.deps.db.write.connect()
    await audit.query(`begin; select set_config('app.tenant_id', '${hub.tenant.id}', true)`)
    const { rows } = await audit.query(
      `select action, entity_id, after from audit_logs where action = 'media.upload'`,
    )
    await audit.query('rollback')
    audit.release()
    expect(rows).toEqual([{ action: 'media.upload', entity_id: data.id, after: body }])
  })

  test('says so when the object store is away', async () => {
    await using media = await startMediaHub(nobody, { S3_ENDPOINT: nobody.url })
    const api = await startApi(media.hub)
    const body = { mimeType: 'image/png', sizeBytes: 10, fileName: 'x' }
    const response = await api('/media', media.hub.token('agent'), { method: 'POST', body })
    expect(response.status).toBe(503)
    expect(await response.json()).toMatchObject({ code: 'unavailable' })
  })

  test('takes exactly MEDIA_BYTES, and no more', async () => {
    await using media = await startMediaHub(nobody, { MEDIA_BYTES: '5000' })
    const api = await startApi(media.hub)
    const ask = (sizeBytes: number) =>
      api('/media', media.hub.token('agent'), {
        method: 'POST',
        body: { mimeType: 'image/png', sizeBytes, fileName: 'x' },
      })
    expect((await ask(5000)).status).toBe(201)
    const refused = await ask(5001)
    expect(refused.status).toBe(413)
    expect(await refused.json()).toMatchObject({ code: 'payload_too_large' })
  })

  test.each([
    ['no name', { mimeType: 'image/png', sizeBytes: 1 }],
    ['no bytes', { mimeType: 'image/png', sizeBytes: 0, fileName: 'x' }],
    ['half a byte', { mimeType: 'image/png', sizeBytes: 1.5, fileName: 'x' }],
    ['a type with parameters', { mimeType: 'text/html; charset=utf-7', sizeBytes: 1, fileName: 'x' }],
    ['something of ours', { mimeType: 'image/png', sizeBytes: 1, fileName: 'x', objectKey: 'other/key' }],
  ])('refuses %s', async (_, body) => {
    await using media = await startMediaHub(nobody)
    const api = await startApi(media.hub)
    const response = await api('/media', media.hub.token('agent'), { method: 'POST', body })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ code: 'validation_failed' })
  })

  test('is not for viewers, and with one Idempotency-Key makes one file', async () => {
    await using media = await startMediaHub(nobody)
    const api = await startApi(media.hub)
    const body = { mimeType: 'image/png', sizeBytes: 10, fileName: 'x.png' }
    expect((await api('/media', media.hub.token('viewer'), { method: 'POST', body })).status).toBe(403)
    const headers = { 'idempotency-key': 'upload-one' }
    const answers = []
    for (let time = 0; time < 2; time += 1)
      answers.push(
        await (await api('/media', media.hub.token('agent'), { method: 'POST', body, headers })).json(),
      )
    expect(answers[1]).toEqual(answers[0])
  })
})

describe('a message with a file', () => {
  /** A conversation of the fake network that may be written in, and an upload for it. */
  async function startConversation(file: Uint8Array, mimeType: string) {
    const media = await startMediaHub(nobody)
    const { hub } = media
    const { conversationId } = await media.receive({ id: 'f1' })
    await media.makeReachable(conversationId)
    const api = await startApi(hub)
    const token = hub.token('agent')
    const body = { mimeType, sizeBytes: file.length, fileName: 'file' }
    const announced = await api('/media', token, { method: 'POST', body })
    const { data } = (await announced.json()) as { data: StartedUpload }
    return {
      media,
      mediaId: data.id,
      put: () =>
        fetch(data.upload.url, { method: 'PUT', headers: data.upload.headers, body: new Uint8Array(file) }),
      send: async () => {
        const message = {
          clientMessageId: 'one-message',
          type: 'image',
          media: { id: data.id, caption: 'Look' },
        }
        const response = await api(`/conversations/${conversationId}/messages`, token, {
          method: 'POST',
          body: message,
        })
        return {
          status: response.status,
          body: (await response.json()) as { data?: MessageView; code?: string },
        }
      },
      [Symbol.asyncDispose]: () => media[Symbol.asyncDispose](),
    }
  }

  test('[MED11] is refused until the bytes are there, and then queued with them', async () => {
    await using it = await startConversation(await photo(), 'image/jpeg')
    const early = await it.send()
    expect([early.status, early.body.code]).toEqual([409, 'media_not_ready'])
    expect((await it.put()).status).toBe(200)
    const sent = await it.send()
    expect(sent.status).toBe(202)
    expect(sent.body.data).toMatchObject({
      text: 'Look',
      media: { id: it.mediaId, state: 'stored', mimeType: 'image/jpeg', sizeBytes: (await photo()).length },
    })
    expect((await it.send()).status).toBe(200)
  })

  test('[MED11] is refused for good when the file is not what was announced', async () => {
    await using it = await startConversation(Buffer.from('<script>alert(1)</script>'), 'image/jpeg')
    await it.put()
    const sent = await it.send()
    expect([sent.status, sent.body.code]).toEqual([422, 'media_refused'])
  })
})

describe('GET /api/v1/media/:id', () => {
  test('[MED12] redirects to the signed address, or says it; neither is kept by caches', async () => {
    await using server = await startFileServer(bytes(await photo()))
    await using media = await startMediaHub(server)
    const { hub } = media
    const api = await startApi(hub)
    const { attachmentId } = await media.receive({ id: 'f1' }, { fileName: 'shrub.jpg' })
    const token = hub.token('agent')
    const early = await api(`/media/${attachmentId}`, token)
    expect([early.status, ((await early.json()) as { code: string }).code]).toEqual([409, 'media_not_ready'])
    await fetchAttachment(hub.deps, { tenantId: hub.tenant.id, attachmentId })

    const redirected = await api(`/media/${attachmentId}`, token)
    expect(redirected.status).toBe(302)
    expect(redirected.headers.get('cache-control')).toBe('no-store')
    expect(redirected.headers.get('x-content-type-options')).toBe('nosniff')
    const file = await fetch(redirected.headers.get('location') ?? '')
    expect(Buffer.from(await file.arrayBuffer())).toEqual(await photo())
    expect(file.headers.get('content-type')).toBe('image/jpeg')

    const told = await api(`/media/${attachmentId}?redirect=false&thumbnail=true`, token)
    expect(told.status).toBe(200)
    expect(told.headers.get('x-content-type-options')).toBe('nosniff')
    const { data } = (await told.json()) as { data: MediaLink }
    expect(data).toMatchObject({ mimeType: 'image/webp', disposition: 'inline' })
    expect((await fetch(data.url)).headers.get('content-type')).toBe('image/webp')
    expect((await api(`/media/${attachmentId}?redirect=maybe`, token)).status).toBe(400)
  })

  test('answers the same about what is not there, what is not yours and what is no id; and nothing without a token', async () => {
    await using server = await startFileServer(bytes(await photo()))
    await using media = await startMediaHub(server)
    const { hub } = media
    const api = await startApi(hub)
    const other = await hub.addTenant('other')
    const { attachmentId } = await media.receive({ id: 'f1' })
    await fetchAttachment(hub.deps, { tenantId: hub.tenant.id, attachmentId })
    const stranger = hub.token('admin', { tenant: other.slug, sub: 'stranger' })
    const bodies = []
    for (const id of [attachmentId, '0197b6e0-0000-7000-8000-000000000001', 'x']) {
      const response = await api(`/media/${id}`, stranger)
      expect(response.status).toBe(404)
      const { requestId: _, instance: __, ...body } = (await response.json()) as Record<string, unknown>
      bodies.push(body)
    }
    expect(new Set(bodies.map((body) => JSON.stringify(body))).size).toBe(1)
    expect((await api(`/media/${attachmentId}`, null)).status).toBe(401)
  })
})
