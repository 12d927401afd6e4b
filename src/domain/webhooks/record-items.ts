import type { TenantTx } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'
import type {
  InboundContactUpdate,
  InboundIdentityChange,
  InboundItem,
  Person,
} from '../../providers/inbound.ts'
import { recordChannelNews } from '../channels/record-channel-news.ts'
import { changeIdentities } from '../contacts/change-identities.ts'
import type { WantedPerson } from '../contacts/people-groups.ts'
import { recordConsents } from '../contacts/record-consents.ts'
import { contactsToldOf, recordContactNews } from '../contacts/record-contact-news.ts'
import { type ContactOf, resolvePeople } from '../contacts/resolve-people.ts'
import { openWindows } from '../conversations/open-windows.ts'
import { applyParked, applyUpdates, type MessageUpdate } from '../messages/apply-updates.ts'
import { type Arrival, lineOf } from '../messages/inbound-arrival.ts'
import { findKnown } from '../messages/known-messages.ts'
import { findSpokenOf, recordInbound } from '../messages/record-inbound.ts'
import { awaitedIds, type ParkingLimits } from '../messages/parked-updates.ts'
import { recordTemplateNews } from '../templates/record-template-news.ts'

/** Something that a network told us, and the delivery that it stands in. */
export interface ReceivedItem {
  readonly item: InboundItem
  readonly inboxId: number
  readonly receivedAt: Date
}

export interface RecordDeps {
  readonly config: Pick<Config, 'CONVERSATION_REOPEN_HOURS'> &
    ParkingLimits &
    Parameters<typeof recordChannelNews>[1]['config']
}

/**
 * Makes of what a network told us what it means here: people, messages, what became of messages, and news about the number.
 * In the order in which it came; but a change of who somebody is ends what came before it and begins what comes after, so
 * that nothing is told to the wrong person.
 */
export async function recordItems(
  tx: TenantTx,
  deps: RecordDeps,
  channelId: string,
  received: readonly ReceivedItem[],
): Promise<void> {
  let run: ReceivedItem[] = []
  for (const one of received) {
    const { item } = one
    if (item.kind === 'identity' && item.join.length + item.leave.length > 0) {
      await recordRun(tx, deps, channelId, run)
      run = []
      // Somebody else may have the old number by now: what was said before must not join them.
      const known = await findKnown(tx, channelId, [item.providerMessageId])
      if (known.size > 0) continue
      const contactOf = await changeIdentities(tx, item)
      const { newIds } = await recordInbound(tx, deps.config, channelId, linesOf([one]), { contactOf, known })
      await applyParked(tx, channelId, newIds)
      await openWelcomed(tx, deps, channelId, [item], contactOf)
    } else run.push(one)
  }
  await recordRun(tx, deps, channelId, run)
}

/** Items between two changes of who is who. Messages go first: what else is said may be about them. */
async function recordRun(
  tx: TenantTx,
  deps: RecordDeps,
  channelId: string,
  run: readonly ReceivedItem[],
): Promise<void> {
  if (run.length === 0) return
  const items = run.map(({ item }) => item)
  const of = <Kind extends InboundItem['kind']>(kind: Kind) =>
    items.filter((item): item is Extract<InboundItem, { kind: Kind }> => item.kind === kind)
  const arrivals = arrivalsOf(run)
  const names = [...of('contact'), ...namesIn(items)]
  // What does not need each other's answers is asked for together.
  const [contactOf, known, awaited] = await Promise.all([
    resolvePeople(tx, items.flatMap(peopleOf)),
    findSpokenOf(tx, channelId, arrivals),
    awaitedIds(tx, channelId, networkIds(arrivals)),
  ])
  const [{ statuses, newIds }, seen] = await Promise.all([
    recordInbound(tx, deps.config, channelId, arrivals, { contactOf, known }),
    contactsToldOf(tx, names, contactOf),
  ])
  await openWelcomed(tx, deps, channelId, of('identity'), contactOf)
  await applyUpdates(tx, channelId, [...items.filter(isUpdate), ...statuses], deps.config)
  await applyParked(
    tx,
    channelId,
    newIds.filter((id) => awaited.has(id)),
  )
  await recordContactNews(tx, names, contactOf, seen)
  await recordConsents(tx, of('consent'), contactOf)
  await recordChannelNews(tx, deps, channelId, of('channel'))
  await recordTemplateNews(tx, channelId, of('template'))
}

function isUpdate(item: InboundItem): item is MessageUpdate {
  return ['status', 'reaction', 'edit', 'revoke'].includes(item.kind)
}

/**
 * Who must be known, and who is worth a contact: whoever we have a conversation with or an answer about marketing from. An
 * address book of thousands and the members of a group are not.
 */
function peopleOf(item: InboundItem): WantedPerson[] {
  switch (item.kind) {
    case 'message':
      return [
        { person: item.chat, create: true },
        ...(item.sender ? [{ person: item.sender, create: false }] : []),
      ]
    case 'identity':
      return [{ person: item.person, create: item.text !== null || item.opensWindow }]
    case 'consent':
      return [{ person: item.person, create: true }]
    case 'contact':
      return [{ person: item.person, create: false }]
    default:
      return []
  }
}

function arrivalsOf(run: readonly ReceivedItem[]): Arrival[] {
  return run.flatMap((one): Arrival[] => {
    const { item, inboxId, receivedAt } = one
    return item.kind === 'message' ? [{ message: item, inboxId, receivedAt }] : linesOf([one])
  })
}

function networkIds(arrivals: readonly Arrival[]): string[] {
  return arrivals.map(({ message }) => message.providerMessageId).filter((id) => id !== null)
}

function linesOf(run: readonly ReceivedItem[]): Arrival[] {
  return run.flatMap(({ item, inboxId, receivedAt }) =>
    item.kind === 'identity' && item.text !== null
      ? [{ message: lineOf(item, item.text), inboxId, receivedAt }]
      : [],
  )
}

/** Who opened a chat without a word may be written to as if they had said something. */
async function openWelcomed(
  tx: TenantTx,
  deps: RecordDeps,
  channelId: string,
  changes: readonly InboundIdentityChange[],
  contactOf: ContactOf,
): Promise<void> {
  const windows = changes.flatMap(({ person, opensWindow, text, at }) => {
    const contactId = contactOf(person)
    return opensWindow && text === null && contactId !== undefined ? [{ contactId, at }] : []
  })
  await openWindows(tx, { channelId, windows, reopenHours: deps.config.CONVERSATION_REOPEN_HOURS })
}

/** The profile names that came with messages are news about their people. */
function namesIn(items: readonly InboundItem[]): InboundContactUpdate[] {
  const named = (person: Person | undefined, at: Date): InboundContactUpdate[] =>
    person?.name === undefined ? [] : [{ kind: 'contact', at, person }]
  return items.flatMap((item) =>
    item.kind === 'message' ? [...named(item.chat, item.at), ...named(item.sender, item.at)] : [],
  )
}
