import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { signatureOf } from '../../src/providers/signature.ts'
import { accountNews, type CloudNumber, entryTo, type IntakeHub, startIntake, textTo } from './intake-hub.ts'

let intake: IntakeHub
let other: { id: string; slug: string }
beforeAll(async () => {
  intake = await startIntake()
  other = await intake.hub.addTenant()
})
afterAll(() => intake[Symbol.asyncDispose]())
beforeEach(() => intake.asOwner('truncate webhook_inbox'))

const path = '/api/webhooks/whatsapp'
const bodyOf = (...entries: unknown[]) =>
  JSON.stringify({ object: 'whatsapp_business_account', entry: entries })
const received = { status: 200, body: { received: true } }

describe('the handshake', () => {
  const ask = (query: Record<string, string> | string) =>
    intake.rest.call('GET', `${path}?${typeof query === 'string' ? query : new URLSearchParams(query)}`)

  test('[HOOK8] who knows the verify token of a number gets the challenge back as plain text', async () => {
    const { verifyToken } = await intake.addNumber()
    const answer = await ask({
      'hub.mode': 'subscribe',
      'hub.challenge': '1158201444',
      'hub.verify_token': verifyToken,
    })
    expect(answer).toMatchObject({ status: 200, text: '1158201444' })
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain/)
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
  })

  test('[HOOK8] the token of a number that was connected a moment ago works, and of one that is gone does not', async () => {
    const { verifyToken, channelId } = await intake.addNumber()
    const query = { 'hub.mode': 'subscribe', 'hub.challenge': '1', 'hub.verify_token': verifyToken }
    expect((await ask(query)).status).toBe(200)
    await intake.asOwner('update channels set deleted_at = now() where id = $1', [channelId])
    expect((await ask(query)).status).toBe(403)
  })

  test('[HOOK8] everybody else gets 403 and nothing of what they sent', async () => {
    const { verifyToken } = await intake.addNumber()
    const { webhookKey } = await intake.addInstance({ webhookSecret: 'not-a-verify-token' })
    for (const query of [
      '',
      { 'hub.mode': 'subscribe', 'hub.challenge': 'canary' },
      { 'hub.mode': 'subscribe', 'hub.challenge': 'canary', 'hub.verify_token': '' },
      { 'hub.mode': 'subscribe', 'hub.challenge': 'canary', 'hub.verify_token': `${verifyToken}x` },
      { 'hub.mode': 'subscribe', 'hub.challenge': 'canary', 'hub.verify_token': verifyToken.slice(1) },
      { 'hub.mode': 'subscribe', 'hub.challenge': 'canary', 'hub.verify_token': 'not-a-verify-token' },
      { 'hub.mode': 'subscribe', 'hub.challenge': 'canary', 'hub.verify_token': webhookKey },
      { 'hub.mode': 'unsubscribe', 'hub.challenge': 'canary', 'hub.verify_token': verifyToken },
      { 'hub.challenge': 'canary', 'hub.verify_token': verifyToken },
      `hub.mode=subscribe&hub.challenge=canary&hub.verify_token=${verifyToken}&hub.verify_token=x`,
      `hub[mode]=subscribe&hub[challenge]=canary&hub[verify_token]=${verifyToken}`,
    ]) {
      const answer = await ask(query)
      expect(answer, JSON.stringify(query)).toMatchObject({ status: 403, body: { code: 'forbidden' } })
      expect(answer.text).not.toContain('canary')
    }
  })

  test('[HOOK8] a challenge is at most 256 visible characters and never markup of ours', async () => {
    const { verifyToken } = await intake.addNumber()
    const challenged = (challenge: string) =>
      ask({ 'hub.mode': 'subscribe', 'hub.verify_token': verifyToken, 'hub.challenge': challenge })
    expect(await challenged('c'.repeat(256))).toMatchObject({ status: 200, text: 'c'.repeat(256) })
    for (const challenge of ['c'.repeat(257), '', 'a b', 'a\nb', 'ä'])
      expect(await challenged(challenge)).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
    const markup = await challenged('<script>alert(1)</script>')
    expect(markup.headers.get('content-type')).toMatch(/^text\/plain/)
    expect(markup.headers.get('x-content-type-options')).toBe('nosniff')
    expect(markup.headers.get('content-security-policy')).toContain("script-src 'self'")
  })
})

describe('signatures', () => {
  test('[HOOK1] [HOOK2] a signed delivery is answered when it is committed, byte for byte as it came', async () => {
    const number = await intake.addNumber()
    const body = `${textTo(number, 'Zoë 👋')}\n `
    expect(await intake.post(number, body)).toMatchObject(received)
    expect(await intake.inbox()).toMatchObject([
      {
        tenantId: intake.hub.tenant.id,
        channelId: number.channelId,
        provider: 'whatsapp-cloud',
        state: 'new',
        reason: null,
      },
    ])
    expect((await intake.inbox())[0]?.body.toString()).toBe(body)
    expect(await intake.counted('whatsapp-cloud', 'stored')).toBeGreaterThan(0)
  })

  test('[HOOK2] S23 [D5] everything that is no signature of exactly these bytes is 401 and stores nothing', async () => {
    const number = await intake.addNumber()
    const body = textTo(number, 'ä👋')
    const good = signatureOf(Buffer.from(body), number.appSecret)
    const hex = good.slice('sha256='.length)
    for (const signature of [
      '',
      hex,
      good.slice(0, -1),
      `${good}0`,
      `${good},${good}`,
      good.replace('sha256', 'sha1'),
      `sha1=${hex.slice(0, 40)}`,
      `sha256=${hex.toUpperCase()}`,
      `sha256=${'0'.repeat(64)}`,
      `sha256=${hex.slice(1)}${hex.slice(0, 1)}`,
      `sha256=${'0'.repeat(10_000)}`,
      signatureOf(Buffer.from(`${body} `), number.appSecret),
      signatureOf(Buffer.from(body), `${number.appSecret}x`),
      signatureOf(Buffer.from(body), ''),
      // The same JSON, written in another way.
      signatureOf(Buffer.from(body.replace('ä', '\\u00e4')), number.appSecret),
    ])
      expect(await intake.post(number, body, { 'x-hub-signature-256': signature }), signature).toMatchObject({
        status: 401,
        body: { code: 'signature_invalid' },
      })
    const unsigned = await intake.rest.call('POST', path, { raw: body })
    expect(unsigned).toMatchObject({ status: 401, body: { code: 'signature_invalid' } })
    const legacyOnly = { 'x-hub-signature': `sha1=${hex.slice(0, 40)}`, 'x-hub-signature-256': '' }
    expect((await intake.post(number, body, legacyOnly)).status).toBe(401)
    expect(await intake.inbox()).toEqual([])
    expect(await intake.counted('whatsapp-cloud', 'signature_invalid')).toBeGreaterThanOrEqual(17)
  })

  test('[HOOK2] Meta’s way of escaping is signed and stored as it is', async () => {
    const { appSecret, vectors } = JSON.parse(
      readFileSync(
        new URL('../fixtures/whatsapp/send/cloud-webhook-signature-vectors.json', import.meta.url),
        'utf8',
      ),
    ) as { appSecret: string; vectors: { rawBody: string; 'x-hub-signature-256': string; valid: boolean }[] }
    await intake.addNumber({ appSecret, phoneNumberId: '106540352242922', wabaId: '102290129340398' })
    for (const { rawBody, valid, ...header } of vectors)
      expect((await intake.rest.call('POST', path, { raw: rawBody, headers: header })).status).toBe(
        valid ? 200 : 401,
      )
    const valid = vectors.filter((vector) => vector.valid)
    expect((await intake.inbox()).map((row) => row.body.toString())).toEqual(
      valid.map((vector) => vector.rawBody),
    )
  })

  test('[HOOK4] a new app secret counts from the next delivery on, and the one before it no more', async () => {
    const { phoneNumberId, wabaId } = await intake.addNumber()
    const token = intake.hub.token('admin')
    const { body } = await intake.rest.call<{ data: { id: string; settings: { phoneNumberId: string } }[] }>(
      'GET',
      '/api/v1/channels?limit=200',
      { token },
    )
    const id = body.data.find(({ settings }) => settings.phoneNumberId === phoneNumberId)?.id
    const number = { phoneNumberId, wabaId }
    for (const appSecret of ['first-secret', 'second-secret', 'third-secret']) {
      const patched = await intake.rest.call('PATCH', `/api/v1/channels/${id}`, {
        token,
        json: { appSecret },
      })
      expect(patched.status, patched.text).toBe(200)
      expect((await intake.post({ appSecret }, textTo(number))).status).toBe(200)
    }
    for (const appSecret of ['first-secret', 'second-secret'])
      expect((await intake.post({ appSecret }, textTo(number))).status).toBe(401)
    expect(await intake.inbox()).toHaveLength(3)
  })

  test('[HOOK2] a number whose secrets cannot be read answers "later", not "forged"', async () => {
    const number = await intake.addNumber()
    await intake.asOwner(`update channels set secrets = '\\x00' where id = $1`, [number.channelId])
    const answer = await intake.post(number, textTo(number))
    expect(answer).toMatchObject({ status: 503, body: { code: 'unavailable' } })
    expect(answer.headers.get('retry-after')).toBe('1')
    await intake.asOwner('delete from channels where id = $1', [number.channelId])
  })
})

describe('whose it is', () => {
  test('[HOOK3] a delivery that names numbers of two tenants is stored for those whose own app signed it', async () => {
    const mine = await intake.addNumber()
    const mineToo = await intake.addNumber({ appSecret: mine.appSecret })
    const theirs = await intake.addNumber({ tenant: other.id })
    const body = bodyOf(entryTo(mine), entryTo(theirs), entryTo(mineToo))
    expect(await intake.post(mine, body)).toMatchObject(received)
    expect(await intake.inbox()).toMatchObject([
      { channelId: mine.channelId, state: 'new' },
      { channelId: mineToo.channelId, state: 'new' },
      {
        tenantId: null,
        channelId: null,
        state: 'quarantined',
        reason: expect.stringContaining(theirs.phoneNumberId),
      },
    ])
  })

  test('[HOOK3] numbers of two tenants in one app both get it', async () => {
    const mine = await intake.addNumber()
    const theirs = await intake.addNumber({ tenant: other.id, appSecret: mine.appSecret })
    const body = bodyOf(entryTo(mine), entryTo(theirs))
    expect(await intake.post(mine, body)).toMatchObject(received)
    expect(await intake.inbox()).toMatchObject([
      { tenantId: intake.hub.tenant.id, channelId: mine.channelId, state: 'new' },
      { tenantId: other.id, channelId: theirs.channelId, state: 'new' },
    ])
  })

  test('[HOOK3] who knows the secret of an own app cannot post into a number of another tenant, however it is named', async () => {
    const mine = await intake.addNumber()
    const theirs = await intake.addNumber({ tenant: other.id })
    const forged = { ...mine, phoneNumberId: theirs.phoneNumberId }
    const escaped = textTo(forged).replace('phone_number_id', 'phone\\u005fnumber_id')
    const twice = textTo(forged).replace(
      '"phone_number_id":',
      `"phone_number_id":"${mine.phoneNumberId}","phone_number_id":`,
    )
    const spaced = textTo(forged).replace('"phone_number_id":', `"phone_number_id"${' '.repeat(200)}:`)
    for (const body of [textTo(forged), escaped, twice, spaced, accountNews(theirs.wabaId)])
      expect(await intake.post(mine, body), body).toMatchObject({
        status: 401,
        body: { code: 'signature_invalid' },
      })
    expect(await intake.inbox()).toEqual([])
  })

  test('[HOOK3] an owner finds their number behind whatever way of writing it', async () => {
    const mine = await intake.addNumber()
    await intake.addNumber({ tenant: other.id })
    const escaped = textTo(mine).replace('phone_number_id', 'phone\\u005fnumber_id')
    const spaced = textTo(mine).replace('"phone_number_id":', '"phone_number_id" \n : ')
    const pretty = JSON.stringify(JSON.parse(textTo(mine)), null, 2)
    for (const body of [escaped, spaced, pretty])
      expect(await intake.post(mine, body)).toMatchObject(received)
    expect((await intake.inbox()).map((row) => row.channelId)).toEqual(Array(3).fill(mine.channelId))
  })

  test('[HOOK3] news of an account go to every number of it whose app signed them', async () => {
    const first = await intake.addNumber()
    const second = await intake.addNumber({ wabaId: first.wabaId, appSecret: first.appSecret })
    await intake.addNumber({ wabaId: first.wabaId, tenant: other.id })
    expect(await intake.post(first, accountNews(first.wabaId))).toMatchObject(received)
    const rows = await intake.inbox()
    expect(rows.map(({ state }) => state)).toEqual(['new', 'new'])
    expect(new Set(rows.map(({ channelId }) => channelId))).toEqual(
      new Set([first.channelId, second.channelId]),
    )
  })

  test('[HOOK5] [D7] a number that nobody has is kept in quarantine, if an app of ours signed it', async () => {
    const mine = await intake.addNumber()
    const unknown = { phoneNumberId: '123456123', wabaId: '0' }
    expect(await intake.post(mine, textTo(unknown))).toMatchObject(received)
    expect(await intake.post(mine, accountNews('0'))).toMatchObject(received)
    expect(await intake.post(mine, '{}')).toMatchObject(received)
    expect(await intake.post(mine, '"a text"')).toMatchObject(received)
    const rows = await intake.inbox()
    expect(rows.map(({ state, tenantId, channelId }) => ({ state, tenantId, channelId }))).toEqual(
      Array(4).fill({ state: 'quarantined', tenantId: null, channelId: null }),
    )
    expect(rows[0]?.reason).toContain('123456123')
    expect(await intake.counted('whatsapp-cloud', 'quarantined')).toBeGreaterThanOrEqual(4)
    expect(await intake.post({ appSecret: 'of nobody' }, textTo(unknown))).toMatchObject({ status: 401 })
    expect(await intake.inbox()).toHaveLength(4)
  })

  test('[HOOK5] [D7] a suspended tenant’s deliveries are kept for it and not processed', async () => {
    const tenant = await intake.hub.addTenant()
    const number = await intake.addNumber({ tenant: tenant.id })
    await intake.asOwner(`update tenants set status = 'suspended' where id = $1`, [tenant.id])
    expect(await intake.post(number, textTo(number))).toMatchObject(received)
    await intake.asOwner(`update tenants set status = 'active' where id = $1`, [tenant.id])
    expect(await intake.post(number, textTo(number))).toMatchObject(received)
    expect(await intake.inbox()).toMatchObject([
      {
        tenantId: tenant.id,
        channelId: number.channelId,
        state: 'quarantined',
        reason: 'tenant_suspended',
      },
      { tenantId: tenant.id, channelId: number.channelId, state: 'new' },
    ])
  })

  test('[HOOK4] a number that moved to another tenant is theirs from the next delivery on', async () => {
    const mine = await intake.addNumber()
    expect((await intake.post(mine, textTo(mine))).status).toBe(200)
    await intake.asOwner('update channels set deleted_at = now() where id = $1', [mine.channelId])
    const theirs = await intake.addNumber({ tenant: other.id, phoneNumberId: mine.phoneNumberId })
    expect((await intake.post(mine, textTo(mine))).status).toBe(401)
    expect((await intake.post(theirs, textTo(theirs))).status).toBe(200)
    expect((await intake.inbox()).map((row) => row.channelId)).toEqual([mine.channelId, theirs.channelId])
  })
})

describe('[HOOK4] what was remembered of a number since its last delivery', () => {
  const remembered = async (more: Parameters<IntakeHub['addNumber']>[0] = {}) => {
    const number = await intake.addNumber(more)
    expect(await intake.post(number, textTo(number))).toMatchObject(received)
    return number
  }

  test('counts no more once its tenant is suspended, and again when that is over', async () => {
    const tenant = await intake.hub.addTenant()
    const number = await remembered({ tenant: tenant.id })
    await intake.asOwner(`update tenants set status = 'suspended' where id = $1`, [tenant.id])
    expect(await intake.post(number, textTo(number))).toMatchObject(received)
    await intake.asOwner(`update tenants set status = 'active' where id = $1`, [tenant.id])
    expect(await intake.post(number, textTo(number))).toMatchObject(received)
    expect((await intake.inbox()).map(({ state }) => state)).toEqual(['new', 'quarantined', 'new'])
  })

  test('counts no more once it has another secret', async () => {
    const [number, donor] = [await remembered(), await intake.addNumber()]
    await intake.asOwner(
      'update channels c set secrets = d.secrets from channels d where c.id = $1 and d.id = $2',
      [number.channelId, donor.channelId],
    )
    expect((await intake.post(number, textTo(number))).status).toBe(401)
    expect(await intake.post(donor, textTo(number))).toMatchObject(received)
    expect((await intake.inbox()).map((row) => row.channelId)).toEqual([number.channelId, number.channelId])
  })

  test('counts no more once the number is removed', async () => {
    const number = await remembered()
    await intake.asOwner('update channels set deleted_at = now() where id = $1', [number.channelId])
    expect((await intake.post(number, textTo(number))).status).toBe(401)
    expect(await intake.inbox()).toHaveLength(1)
  })

  test('is judged delivery by delivery: others of the same commit are stored', async () => {
    const tenant = await intake.hub.addTenant()
    const numbers = [await remembered(), await remembered({ tenant: tenant.id }), await remembered()]
    await intake.asOwner(`update tenants set status = 'suspended' where id = $1`, [tenant.id])
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, place) => {
        const number = numbers[place % 3] as CloudNumber
        return intake.post(number, textTo(number, `no ${place}`))
      }),
    )
    expect(answers.map(({ status }) => status)).toEqual(Array(30).fill(200))
    const rows = await intake.inbox()
    const statesOf = ({ channelId }: CloudNumber) =>
      rows.filter((row) => row.channelId === channelId).map(({ state }) => state)
    // In the order they came: the one from before the suspension first.
    expect(numbers.map(statesOf)).toEqual([
      Array(11).fill('new'),
      ['new', ...Array(10).fill('quarantined')],
      Array(11).fill('new'),
    ])
  })
})

describe('what is posted again', () => {
  test('[HOOK6] S24 [D1] a hundred equal deliveries at once are one row and a hundred times 200', async () => {
    const number: CloudNumber = await intake.addNumber()
    const body = textTo(number)
    const answers = await Promise.all(Array.from({ length: 100 }, () => intake.post(number, body)))
    expect(answers.map(({ status }) => status)).toEqual(Array(100).fill(200))
    expect(await intake.inbox()).toHaveLength(1)
  })

  test('[HOOK6] a repeat of what was processed is not processed again', async () => {
    const number = await intake.addNumber()
    const body = textTo(number)
    await intake.post(number, body)
    await intake.asOwner(`update webhook_inbox set state = 'done'`)
    expect(await intake.post(number, body)).toMatchObject(received)
    expect(await intake.inbox()).toMatchObject([{ state: 'done' }])
  })

  test('[HOOK1] many different deliveries at once are all there, each once', async () => {
    const numbers = await Promise.all(Array.from({ length: 5 }, () => intake.addNumber()))
    const bodies = Array.from({ length: 300 }, (_, place) =>
      textTo(numbers[place % 5] as CloudNumber, `no ${place}`),
    )
    const answers = await Promise.all(
      bodies.map((body, place) => intake.post(numbers[place % 5] as CloudNumber, body)),
    )
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    const rows = await intake.inbox()
    expect(rows.map((row) => row.body.toString()).sort()).toEqual(bodies.toSorted())
    for (const row of rows) {
      const place = bodies.indexOf(row.body.toString())
      expect(row.channelId).toBe(numbers[place % 5]?.channelId)
    }
  })
})
