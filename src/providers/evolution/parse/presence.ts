import type { InboundPresence } from '../../inbound.ts'
import { field, inner, textIn } from '../../untrusted.ts'
import { isRecord } from './dialect.ts'
import { identitiesOf, readJid } from './jid.ts'
import type { Scene } from './sink.ts'

const states: readonly string[] = [
  'available',
  'unavailable',
  'composing',
  'recording',
  'paused',
] satisfies readonly InboundPresence['state'][]

/** `presence.update`: who types in a private chat. A group has no single person to show it at. */
export function readPresence(data: unknown, scene: Scene): void {
  const { sink } = scene
  const update = isRecord(data) ? data : undefined
  const presences = inner(update, 'presences')
  if (presences === undefined) return sink.reject('a presence without states', data)
  if (readJid(field(update, 'id'))?.kind === 'group') return sink.ignore('somebody types in a group')
  for (const jid of Object.keys(presences).slice(0, 20)) {
    const state = textIn(inner(presences, jid), 'lastKnownPresence')
    const identities = identitiesOf([jid], scene.own)
    if (isState(state) && identities.length > 0) {
      sink.add({ kind: 'presence', at: scene.receivedAt, person: { identities }, state })
    } else sink.ignore('a presence of nobody we talk to, or in no known state')
  }
}

function isState(state: string | undefined): state is InboundPresence['state'] {
  return state !== undefined && states.includes(state)
}
