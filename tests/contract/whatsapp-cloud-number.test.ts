import { describe, expect, test } from 'vitest'
import { whatsappCloud } from '../../src/providers/whatsapp-cloud/adapter.ts'
import { startStandIn } from '../harness/provider-stand-in.ts'
import { standInIo } from './provider-suite.ts'
import { channel, pairOf, to } from './whatsapp-cloud-exchanges.ts'

describe('read receipts', () => {
  test.each([
    ['cloud-mark-read', false],
    ['cloud-typing-indicator', true],
  ])('%s', async (name, typing) => {
    await using server = await startStandIn()
    const pair = pairOf(name)
    server.play(pair)
    const providerMessageId = pair.request.body.message_id as string
    const outcome = await whatsappCloud.markRead(
      channel,
      { providerMessageId, chat: to, typing },
      standInIo(server),
    )
    expect(server.requests.map(({ method, path, json }) => ({ method, path, json }))).toEqual([
      { method: 'POST', path: '/106540352242922/messages', json: pair.request.body },
    ])
    expect(outcome).toMatchObject({ kind: 'accepted' })
  })

  test('a broken call is later, because repeating it does no harm', async () => {
    await using server = await startStandIn()
    server.always({ answer: { fault: 'reset' } })
    const to = { providerMessageId: 'wamid.1', chat: [], typing: false }
    expect(await whatsappCloud.markRead(channel, to, standInIo(server))).toMatchObject({ kind: 'later' })
  })
})

describe('the number', () => {
  test('cloud-phone-info', async () => {
    await using server = await startStandIn()
    const pair = pairOf('cloud-phone-info')
    server.play(pair)
    const report = await whatsappCloud.verify(channel, standInIo(server))
    expect(server.requests[0]?.path).toBe(pair.request.url.replace('https://graph.facebook.com/v25.0', ''))
    expect(report).toEqual({
      status: 'connected',
      health: {
        displayPhoneNumber: '+1 555-078-3881',
        verifiedName: 'Lucky Shrub',
        qualityRating: 'GREEN',
        messagingLimit: 'TIER_2K',
        throughput: 'STANDARD',
        codeVerification: 'VERIFIED',
        nameStatus: 'APPROVED',
        platformType: 'CLOUD_API',
        networkStatus: 'CONNECTED',
      },
    })
  })

  test.each([
    ['FLAGGED', 'connected'],
    ['RESTRICTED', 'restricted'],
    ['RATE_LIMITED', 'restricted'],
    ['BANNED', 'blocked'],
    ['PENDING', 'connecting'],
    ['DISCONNECTED', 'disconnected'],
    ['MIGRATED', 'removed'],
    ['SOMETHING_NEW', 'disconnected'],
  ])('%s is %s', async (told, status) => {
    await using server = await startStandIn()
    server.always({ answer: { json: { id: '106540352242922', status: told } } })
    expect(await whatsappCloud.verify(channel, standInIo(server))).toMatchObject({ status })
  })

  test('an account that Meta shut is blocked, not merely disconnected', async () => {
    await using server = await startStandIn()
    server.always({ answer: { status: 403, json: { error: { code: 368, message: '(#368) Blocked' } } } })
    expect(await whatsappCloud.verify(channel, standInIo(server))).toMatchObject({ status: 'blocked' })
  })
})
