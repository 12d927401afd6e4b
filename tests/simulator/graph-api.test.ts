import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterEach, expect, test } from 'vitest'
import type { OutboundMessage, ProviderChannel, ProviderIo } from '../../src/providers/port.ts'
import { whatsappCloud } from '../../src/providers/whatsapp-cloud/adapter.ts'
import { customersOf } from '../../src/simulator/customers.ts'
import type { PhoneNumber } from '../../src/simulator/phone-number.ts'
import { type Simulator, type SimulatorOptions, startSimulator } from '../../src/simulator/simulator.ts'

const number: PhoneNumber = {
  phoneNumberId: '100000000000001',
  wabaId: '100000000000002',
  displayPhoneNumber: '+1 555 010 0199',
  accessToken: 'the-token',
  appSecret: 'the-secret',
  verifyToken: 'the-verify-token',
  webhookUrl: 'http://127.0.0.1:9/api/webhooks/whatsapp',
}
const channel: ProviderChannel = {
  id: '0197b6e0-0000-7000-8000-00000000c0aa',
  provider: 'whatsapp-cloud',
  settings: { phoneNumberId: number.phoneNumberId, wabaId: number.wabaId },
  secrets: { accessToken: number.accessToken, appSecret: number.appSecret },
}
const [customer] = customersOf(1)
const to = [{ kind: 'phone' as const, value: customer?.phone ?? '' }]
let open: Simulator | undefined

afterEach(() => open?.close())

/** A simulator with one customer, and what the hub's own adapter needs to talk to it. */
async function simulate(more: Partial<SimulatorOptions> = {}): Promise<ProviderIo> {
  open = await startSimulator({ port: 0, seed: 1, log: () => {}, ...more })
  open.connect(number, 1)
  return {
    fetch,
    timeoutMs: 5000,
    now: () => new Date(),
    graphApiUrl: open.graphApiUrl,
    mediaHosts: [open.host],
  }
}

const text = (body: string, more: Partial<OutboundMessage> = {}): OutboundMessage => ({
  id: '0197b6e0-0000-7000-8000-00000000d001',
  to,
  type: 'text',
  text: body,
  payload: {},
  ...more,
})
const template = (name: string, values: string[]): OutboundMessage =>
  text('', {
    type: 'template',
    text: null,
    payload: {
      template: {
        name,
        language: 'en',
        components: [{ type: 'body', parameters: values.map((value) => ({ type: 'text', text: value })) }],
      },
    },
  })

test("[SIM1] the hub's adapter sends a text, a picture and a template, marks as read and asks for the number", async () => {
  const io = await simulate()
  expect(await whatsappCloud.send(channel, text('Hello'), io)).toMatchObject({
    kind: 'accepted',
    providerMessageId: expect.stringMatching(/^wamid\./),
  })
  const bytes = Buffer.from('not really a picture, which is the receiver’s concern')
  const media = {
    id: '0197b6e0-0000-7000-8000-00000000d002',
    mimeType: 'image/jpeg',
    sizeBytes: bytes.byteLength,
    open: () => Promise.resolve(Readable.from([bytes])),
  }
  expect(await whatsappCloud.send(channel, text('Look', { type: 'image', media }), io)).toMatchObject({
    kind: 'accepted',
  })
  expect(await whatsappCloud.send(channel, template('order_shipped', ['Asha', '4711']), io)).toMatchObject({
    kind: 'accepted',
  })
  const read = { providerMessageId: 'wamid.abc', chat: to, typing: true }
  expect(await whatsappCloud.markRead?.(channel, read, io)).toMatchObject({ kind: 'accepted' })
  expect(await whatsappCloud.verify(channel, io)).toMatchObject({
    status: 'connected',
    health: { qualityRating: 'GREEN', displayPhoneNumber: number.displayPhoneNumber },
  })
})

test('[SIM1] it refuses what Meta refuses, with its codes', async () => {
  const io = await simulate()
  const refused = async (message: OutboundMessage, of = channel) => {
    const outcome = await whatsappCloud.send(of, message, io)
    return outcome.kind === 'refused' ? `${outcome.error.code}${outcome.stopChannel ? ' stop' : ''}` : outcome
  }
  expect(await refused(text('Hi'), { ...channel, secrets: { accessToken: 'another' } })).toBe('190 stop')
  expect(await refused(text('Hi', { to: [{ kind: 'phone', value: '123' }] }))).toBe('131009')
  expect(await refused(text('Hi', { to: [{ kind: 'phone', value: '15550100199' }] }))).toBe('131021')
  expect(await refused(template('no_such_template', []))).toBe('132001')
  expect(await refused(template('spring_sale', ['x']))).toBe('132001')
  expect(await refused(template('order_shipped', ['only one']))).toBe('132000')
  const elsewhere = { ...channel, settings: { phoneNumberId: '4242' } }
  expect(await refused(text('Hi'), elsewhere)).toBe('100 stop')
})

test('[SIM1] a number that sends faster than it may is told to wait', async () => {
  const io = await simulate({ sendsPerSecond: 1 })
  const outcomes = [
    await whatsappCloud.send(channel, text('one'), io),
    await whatsappCloud.send(channel, text('two'), io),
  ]
  expect(outcomes[0]?.kind).toBe('accepted')
  expect(outcomes[1]).toMatchObject({ kind: 'later', scope: 'channel', error: { code: '130429' } })
})

test('[SIM1] an uploaded file is looked up and downloaded with the token, and not without it', async () => {
  const io = await simulate()
  const bytes = Buffer.from('%PDF-1.4 small')
  const form = new FormData()
  form.set('messaging_product', 'whatsapp')
  form.set('file', new Blob([bytes], { type: 'application/pdf' }), 'small.pdf')
  const authorization = `Bearer ${number.accessToken}`
  const uploaded = await fetch(`${io.graphApiUrl}/${number.phoneNumberId}/media`, {
    method: 'POST',
    headers: { authorization },
    body: form,
  })
  const { id } = (await uploaded.json()) as { id: string }
  const fetched = await whatsappCloud.fetchMedia(channel, { ref: { id }, mimeType: 'application/pdf' }, io)
  expect(fetched).toMatchObject({ kind: 'stream', mimeType: 'application/pdf', sizeBytes: bytes.byteLength })
  if (fetched.kind === 'stream') expect(await buffer(fetched.body)).toEqual(bytes)

  const lookup = await fetch(`${io.graphApiUrl}/${id}`, { headers: { authorization } })
  const { url } = (await lookup.json()) as { url: string }
  expect((await fetch(url)).status).toBe(401)
  expect((await fetch(`${url}x`, { headers: { authorization } })).status).toBe(404)
  expect(
    await whatsappCloud.fetchMedia(channel, { ref: { id: '42' }, mimeType: 'application/pdf' }, io),
  ).toMatchObject({ kind: 'gone' })
})
