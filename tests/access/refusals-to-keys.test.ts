import { expect, test } from 'vitest'
import { commandHandlers } from '../../src/command-handlers.ts'
import { openBoard } from '../crm/board.ts'
import { startGatewayHub } from '../gateway/setup.ts'
import { customerWrites } from '../harness/crowd.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { connectNumber } from '../harness/number.ts'
import { type RestClient, startRestOf } from '../harness/rest-client.ts'

/** Makes keys as an admin does. */
async function startWithKeys(
  hub: Hub,
): Promise<{ rest: RestClient; keyOf: (...scopes: string[]) => Promise<string> }> {
  const rest = await startRestOf(hub)
  const token = hub.token('admin')
  const keyOf = async (...scopes: string[]) => {
    const json = { name: scopes.join(), role: 'manager', scopes }
    const made = await rest.call<{ data: { key: string } }>('POST', '/admin/api-keys', { token, json })
    return made.body.data.key
  }
  return { rest, keyOf }
}

const secret = 'Roof of the secret villa'

test('[RGT20] a key that may move deals and not read them is not shown the deal that it did not move', async () => {
  await using hub = await startGatewayHub({}, commandHandlers)
  const board = await openBoard(hub, { role: 'manager' })
  const deal = await board.deal(secret)
  const elsewhere = await board.deal('elsewhere', { stageId: board.stages['Won'] ?? 0 })
  const { rest, keyOf } = await startWithKeys(hub)
  const [writer, reader] = [await keyOf('deal.write'), await keyOf('deal.write', 'deal.read')]
  const stageId = board.stages['New'] ?? 0
  const stale = { stageId, version: 7 }
  const lost = { stageId, after: elsewhere.id }
  for (const [json, code, details] of [
    [stale, 'precondition_failed', { version: 1 }],
    [lost, 'conflict', { member: 'after' }],
  ] as const) {
    const path = `/admin/deals/${deal.id}/move`
    const shown = await rest.refused('POST', path, { token: reader, json })
    expect(shown).toMatchObject({ code, details: { ...details, deal: { id: deal.id, title: secret } } })
    const hidden = await rest.refused('POST', path, { token: writer, json })
    expect(hidden).toMatchObject({ code, details })
    expect(hidden.details).not.toHaveProperty('deal')
    expect(JSON.stringify(hidden)).not.toContain(secret)

    const socket = hub.connect({ token: writer, playsUseCases: false })
    await socket.next('caught-up')
    const ack = await socket.send('deal.move', { dealId: deal.id, ...json })
    expect(ack).toMatchObject({ ok: false, error: { code, details } })
    expect(JSON.stringify(ack)).not.toContain(secret)
  }
})

test('[RGT20] a key that may complete activities and not read them is not told what came of one', async () => {
  await using hub = await startHub()
  const board = await openBoard(hub, { role: 'manager' })
  const { rest, keyOf } = await startWithKeys(hub)
  const { id } = await board.make<{ id: number }>('activities', { type: 'call', subject: 'x' })
  const path = `/admin/activities/${id}/complete`
  await rest.call('POST', path, { token: hub.token('manager'), json: { outcome: secret } })
  const [writer, reader] = [await keyOf('activity.write'), await keyOf('activity.write', 'activity.read')]
  const json = { outcome: 'another' }
  expect(await rest.refused('POST', path, { token: reader, json })).toMatchObject({
    code: 'conflict',
    details: { outcome: secret, completedAt: expect.any(String) },
  })
  const hidden = await rest.refused('POST', path, { token: writer, json })
  expect(hidden.code).toBe('conflict')
  expect(JSON.stringify(hidden)).not.toContain(secret)
})

test('[RGT20] a key that may send and not read is told that there are newer messages, and not what they say', async () => {
  await using hub = await startHub()
  const { rest, keyOf } = await startWithKeys(hub)
  const { id } = await (await connectNumber(hub)).conversation()
  await customerWrites(hub, id, secret)
  const [writer, reader] = [await keyOf('message.send'), await keyOf('message.send', 'conversation.read')]
  const path = `/api/v1/conversations/${id}/messages`
  const json = { clientMessageId: 'a', type: 'text', text: 'hi', lastSeenSeq: 0 }
  expect(await rest.refused('POST', path, { token: reader, json })).toMatchObject({
    code: 'colleague_replied',
    details: { newer: expect.arrayContaining([expect.objectContaining({ text: secret })]) },
  })
  const hidden = await rest.refused('POST', path, { token: writer, json })
  expect(hidden).toMatchObject({ code: 'colleague_replied', details: { newer: [] } })
  expect(JSON.stringify(hidden)).not.toContain(secret)
})
