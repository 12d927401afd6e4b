import { buildChannel, buildContact, buildConversation } from '../harness/crowd.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import type { RestClient } from '../harness/rest-client.ts'

export const phone = '4915155512345'

/** Zoë writes on a number that Ana works on and Ben does not; she has an e-mail address and another name there. */
export async function hidePerson(start: (hub: Hub) => Promise<RestClient>) {
  const hub = await startHub()
  const rest = await start(hub)
  const admin = (await hub.signIn('admin')).token
  const [ana, ben] = [await hub.signIn('agent', { sub: 'ana' }), await hub.signIn('agent', { sub: 'ben' })]
  const channelId = await buildChannel(hub)
  const contactId = await buildContact(hub, { firstName: 'Heliotrope', phone })
  await buildConversation(hub, channelId, contactId)
  const call = <Body = Record<string, unknown>>(token: string, method: string, path: string, json?: object) =>
    rest.call<Body>(method, `/admin/${path}`, { token, ...(json && { json }) })
  await call(admin, 'PATCH', `contacts/${contactId}`, { email: 'zoe@secret.example' })
  await rest.call('PUT', `/api/v1/channels/${channelId}/members`, {
    token: admin,
    json: { membersOnly: true, memberIds: [ana.actor.id] },
  })
  return { hub, rest, admin, ana: ana.token, ben: ben.token, channelId, contactId, call }
}
