import type { Parsed } from '../../inbound.ts'
import type { ProviderChannel } from '../../port.ts'
import { field, recordOf } from '../../untrusted.ts'
import { readCall } from './calls.ts'
import {
  readConnection,
  readHistoryProgress,
  readInstanceStatus,
  readLogout,
  readQrCode,
  readRemoval,
} from './connection.ts'
import { readContactUpdates } from './contacts.ts'
import { readDelete, readEdit } from './edits.ts'
import { openEnvelope } from './envelope.ts'
import { readGroups, readParticipants } from './groups.ts'
import { readMessage } from './messages.ts'
import { readPresence } from './presence.ts'
import { type Scene, Sink } from './sink.ts'
import { readUpdate } from './status.ts'

type EventReader = (data: unknown, scene: Scene) => void

/** Every element of `data`, which is one object, an array, or (in forks of version 1) an object around an array. */
function eachOf(read: (element: unknown, scene: Scene) => void): EventReader {
  return (data, scene) => {
    const wrapped = field(recordOf(data), 'messages')
    const elements = Array.isArray(data) ? data : Array.isArray(wrapped) ? wrapped : [data]
    scene.sink.each(elements, (element) => read(element, scene))
  }
}

const messages = eachOf((element, scene) => readMessage(element, scene, false))

const readers = new Map<string, EventReader>([
  ['messages.upsert', messages],
  ['send.message', messages],
  ['messages.set', eachOf((element, scene) => readMessage(element, scene, true))],
  ['messages.update', eachOf(readUpdate)],
  ['messages.edited', eachOf(readEdit)],
  ['send.message.update', eachOf(readEdit)],
  ['messages.delete', eachOf(readDelete)],
  ['connection.update', readConnection],
  ['status.instance', readInstanceStatus],
  ['qrcode.updated', readQrCode],
  ['logout.instance', readLogout],
  ['remove.instance', readRemoval],
  ['instance.delete', readRemoval],
  ['messaging.history.set', readHistoryProgress],
  ['contacts.upsert', readContactUpdates],
  ['contacts.update', readContactUpdates],
  ['contacts.set', readContactUpdates],
  ['presence.update', readPresence],
  ['groups.upsert', readGroups],
  ['groups.update', readGroups],
  ['group.update', readGroups],
  ['group.participants.update', readParticipants],
  ['call', eachOf(readCall)],
])

/**
 * Turns one delivery of an Evolution server, of any version from 1.x to 2.4, into items. Pure; never throws. Deliveries
 * of another instance give nothing.
 */
export function parse(channel: Pick<ProviderChannel, 'settings'>, body: unknown, receivedAt: Date): Parsed {
  const sink = new Sink()
  const opened = openEnvelope(channel.settings.instanceName, body)
  if (opened.kind === 'ignored') sink.ignore(opened.why)
  else if (opened.kind === 'invalid') sink.reject(opened.why, body)
  else {
    const read = readers.get(opened.event)
    if (read === undefined) sink.ignore(`nothing follows from ${opened.event}`)
    else sink.each([opened.data], (data) => read(data, { sink, receivedAt, own: opened.own }))
  }
  return sink.parsed()
}
