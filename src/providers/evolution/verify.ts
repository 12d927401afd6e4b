import { Failure } from '../../contract/errors.ts'
import type { HttpCall } from '../http-call.ts'
import type { ChannelStatus } from '../inbound.ts'
import type { ChannelReport, ProviderChannel, ProviderIo } from '../port.ts'
import { field, inner, listOf, numberIn, present, recordOf, textIn, type Untrusted } from '../untrusted.ts'
import { complaintOf } from './outcome.ts'
import { qrOf, reasonOf } from './parse/connection.ts'
import { phoneOf } from './parse/jid.ts'
import { actionUrl, callServer, type EvolutionServer, isServer, serverOf } from './server.ts'

/**
 * Asks the server how the number is: its state, whose number it is, the server's version (payloads depend on it) and,
 * when the phone must be paired, a QR code. Asking for a code starts the connection on the server.
 * Fails with `provider_unreachable` when the server gives no usable answer, because that says nothing about the number.
 */
export async function verify(channel: ProviderChannel, io: ProviderIo): Promise<ChannelReport> {
  const server = serverOf(channel, io)
  if (!isServer(server)) return { status: 'disconnected', health: {}, reason: server.detail }
  const get = (url: string): Promise<HttpCall> => callServer(io, server, url, { method: 'GET' })
  const asked = await get(actionUrl(server, 'instance/connectionState'))
  const trouble = troubleIn(asked, server)
  if (trouble !== null) return trouble
  const state = textIn(inner(jsonOf(asked), 'instance'), 'state')
  if (state === undefined) throw new Failure('provider_unreachable', { reason: 'the server told no state' })
  const named = encodeURIComponent(server.instance)
  const [root, rows] = await Promise.all([
    get(`${server.baseUrl}/`),
    get(`${server.baseUrl}/instance/fetchInstances?instanceName=${named}`),
  ])
  const row = rowOf(rows, server.instance)
  const health = present({
    state,
    version: textIn(jsonOf(root), 'version'),
    number: phoneOf(field(row, 'ownerJid') ?? field(row, 'owner')),
    profileName: textIn(row, 'profileName'),
    pictureUrl: textIn(row, 'profilePicUrl') ?? textIn(row, 'profilePictureUrl'),
    integration: textIn(row, 'integration'),
    statusReason: numberIn(row, 'disconnectionReasonCode'),
  })
  if (state === 'open') return { status: 'connected', health: { ...health, qr: null, pairingCode: null } }
  const why = reasonOf(numberIn(row, 'disconnectionReasonCode'))
  return pairing(await get(actionUrl(server, 'instance/connect')), health, {
    status: why.status ?? (state === 'connecting' ? 'connecting' : 'disconnected'),
    ...(why.text === undefined ? {} : { reason: why.text }),
  })
}

/** What the answer of /instance/connect adds: a code to scan, a connection that came up meanwhile, or an error in a 200. */
function pairing(
  call: HttpCall,
  health: Record<string, unknown>,
  otherwise: { readonly status: ChannelStatus; readonly reason?: string },
): ChannelReport {
  const json = jsonOf(call)
  const qr = qrOf(field(json, 'base64'))
  const pairingCode = textIn(json, 'pairingCode') ?? null
  if (textIn(inner(json, 'instance'), 'state') === 'open') {
    return { status: 'connected', health: { ...health, state: 'open', qr: null, pairingCode: null } }
  }
  if (qr !== undefined) return { status: 'connecting', health: { ...health, qr, pairingCode }, qr }
  const words = field(json, 'error') === true ? textIn(json, 'message') : undefined
  return {
    ...otherwise,
    health: { ...health, qr: null, pairingCode },
    ...(words === undefined ? {} : { reason: words }),
  }
}

/** A report when the answer is about our access rather than the number; null when it is a good answer. */
function troubleIn(call: HttpCall, server: EvolutionServer): ChannelReport | null {
  if (call.kind !== 'answer') throw new Failure('provider_unreachable', { reason: call.reason })
  if (call.status === 200) return null
  const { words, isLicence } = complaintOf(call.json, server)
  const said = words === '' ? '' : `: ${words}`
  if (isLicence) return down(`the Evolution server has no licence${said}`)
  if (call.status === 401 || call.status === 403)
    return down(`the Evolution server refuses the API key${said}`)
  if (call.status === 404)
    return { ...down(`there is no such instance on the Evolution server${said}`), status: 'removed' }
  throw new Failure('provider_unreachable', { reason: `the server answered ${call.status}` })
}

function down(reason: string): ChannelReport {
  return { status: 'disconnected', health: {}, reason }
}

function jsonOf(call: HttpCall): Untrusted | undefined {
  return call.kind === 'answer' && call.status === 200 ? recordOf(call.json) : undefined
}

/** The instance's row; version 1 put it into `instance`. Rows hold tokens: only single members are taken from them. */
function rowOf(call: HttpCall, name: string): Untrusted | undefined {
  const rows = call.kind === 'answer' && call.status === 200 ? listOf(call.json).map(recordOf) : []
  const unfolded = rows.map((row) => inner(row, 'instance') ?? row)
  return unfolded.find((row) => (textIn(row, 'name') ?? textIn(row, 'instanceName')) === name)
}
