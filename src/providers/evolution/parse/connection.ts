import type { ChannelStatus, InboundChannelUpdate } from '../../inbound.ts'
import { field, inner, numberIn, present, textIn } from '../../untrusted.ts'
import { isRecord } from './dialect.ts'
import { phoneOf } from './jid.ts'
import type { Scene } from './sink.ts'

/** What `statusReason` means (section 2), and whether WhatsApp shut the number out. */
const reasons = new Map<number, { readonly text: string; readonly status?: ChannelStatus }>([
  [401, { text: 'logged out on the phone; pair it again' }],
  [402, { text: 'WhatsApp banned the number for a time', status: 'blocked' }],
  [403, { text: 'WhatsApp refuses the number; often a ban', status: 'blocked' }],
  [406, { text: 'logged out by WhatsApp; pair it again' }],
  [408, { text: 'the connection timed out' }],
  [411, { text: 'the phone must have multi-device switched on' }],
  [428, { text: 'the connection was closed' }],
  [440, { text: 'another session took the place of this one' }],
  [500, { text: 'the session is broken; pair it again' }],
  [503, { text: 'WhatsApp is not available' }],
  [515, { text: 'the server restarts the session' }],
])

/** A QR code lives about a minute; it goes from `health` as soon as it can no longer be scanned. */
const noCode = { qr: null, pairingCode: null }

/** The part of a report that follows from a code: a reason for people, and `blocked` when it is a ban. */
export function reasonOf(code: number | undefined): {
  readonly text?: string
  readonly status?: ChannelStatus
} {
  if (code === undefined || code === 200) return {}
  return reasons.get(code) ?? { text: `the session ended (${code})` }
}

/** A picture to scan, as a data URL; anything else, or a very long one, is none. */
export function qrOf(value: unknown): string | undefined {
  const isQr =
    typeof value === 'string' &&
    value.length <= 65_536 &&
    /^data:image\/[\w+.-]+;base64,[\w+/=]+$/.test(value)
  return isQr ? value : undefined
}

/** `connection.update` */
export function readConnection(data: unknown, scene: Scene): void {
  const update = isRecord(data) ? data : undefined
  const state = textIn(update, 'state')
  const code = numberIn(update, 'statusReason')
  const why = reasonOf(code)
  const health = present({
    state,
    statusReason: code,
    number: phoneOf(field(update, 'wuid')),
    profileName: textIn(update, 'profileName'),
    pictureUrl: textIn(update, 'profilePictureUrl'),
  })
  if (state === 'open') return add(scene, 'connection', { ...health, ...noCode }, 'connected')
  // A code may be waiting to be scanned just now, so it stays.
  if (state === 'connecting') return add(scene, 'connection', health, 'connecting')
  if (state === 'close') {
    return add(scene, 'connection', { ...health, ...noCode }, why.status ?? 'disconnected', why.text)
  }
  if (state === 'refused') {
    const reason = 'nobody scanned the QR code in time; ask for a new one'
    return add(scene, 'connection', { ...health, ...noCode }, 'disconnected', reason)
  }
  scene.sink.reject('a connection update without a state that we know', data)
}

/** `status.instance`: the final close, with its time. */
export function readInstanceStatus(data: unknown, scene: Scene): void {
  const update = isRecord(data) ? data : undefined
  const status = textIn(update, 'status')
  if (status !== 'closed')
    return scene.sink.ignore(`the instance is ${status?.slice(0, 40) ?? 'in no known state'}`)
  const code = numberIn(update, 'disconnectionReasonCode')
  const why = reasonOf(code)
  const health = present({
    state: 'close',
    statusReason: code,
    disconnectedAt: textIn(update, 'disconnectionAt'),
  })
  add(scene, 'connection', { ...health, ...noCode }, why.status ?? 'disconnected', why.text)
}

/** `qrcode.updated`: a code to scan, or the end of the codes. */
export function readQrCode(data: unknown, scene: Scene): void {
  const update = isRecord(data) ? data : undefined
  const code = inner(update, 'qrcode')
  const qr = qrOf(field(code, 'base64'))
  const pairingCode = textIn(code, 'pairingCode')
  if (qr !== undefined || pairingCode !== undefined) {
    const health = { qr: qr ?? null, pairingCode: pairingCode ?? null, qrAt: scene.receivedAt.toISOString() }
    return add(scene, 'qr', health, 'connecting')
  }
  const words = textIn(update, 'message')
  if (words === undefined) return scene.sink.reject('a QR code event without a code', data)
  add(scene, 'qr', noCode, 'disconnected', words)
}

/** `logout.instance` */
export function readLogout(_: unknown, scene: Scene): void {
  add(
    scene,
    'connection',
    { state: 'close', ...noCode },
    'disconnected',
    'the number was logged out; pair it again',
  )
}

/** `remove.instance`, `instance.delete` */
export function readRemoval(_: unknown, scene: Scene): void {
  add(
    scene,
    'connection',
    { state: 'removed', ...noCode },
    'removed',
    'the instance was deleted on the server',
  )
}

/** `messaging-history.set` (2.4): how far the import after pairing is. */
export function readHistoryProgress(data: unknown, scene: Scene): void {
  if (!isRecord(data)) return scene.sink.reject('a history event without numbers', data)
  const health = {
    history: present({
      messages: numberIn(data, 'messageCount'),
      chats: numberIn(data, 'chatCount'),
      contacts: numberIn(data, 'contactCount'),
      progress: numberIn(data, 'progress'),
    }),
  }
  add(scene, 'history', health)
}

function add(
  scene: Scene,
  what: string,
  health: Record<string, unknown>,
  status?: ChannelStatus,
  reason?: string,
): void {
  const item: InboundChannelUpdate = {
    kind: 'channel',
    at: scene.receivedAt,
    what,
    health,
    ...(status === undefined ? {} : { status }),
    ...(reason === undefined ? {} : { reason }),
  }
  scene.sink.add(item)
}
