import { setTimeout as pause } from 'node:timers/promises'
import type { Deps } from '../deps.ts'
import { assignConversation } from '../domain/conversations/assign-conversation.ts'
import { claimConversation } from '../domain/conversations/claim-conversation.ts'
import { labelConversation } from '../domain/conversations/label-conversation.ts'
import { setConversationStatus } from '../domain/conversations/set-conversation-status.ts'
import { snoozeConversation } from '../domain/conversations/snooze-conversation.ts'
import { sendMessage } from '../domain/messages/send-message.ts'
import { addNote } from '../domain/notes/add-note.ts'
import { readTenant } from '../log/read-tenant.ts'
import { inTenant } from '../log/tenant-tx.ts'
import type { Content } from '../simulator/content.ts'
import type { Crowd } from '../simulator/crowd.ts'
import { CannotStart } from '../all-in-one/program.ts'
import { foundCompanies } from './company.ts'
import type { Staff } from './people.ts'

const minute = 60_000
const hour = 60 * minute

/** What the first customers wrote before anybody looked, the oldest first. */
const letters: readonly { customer: number; agoMs: number; content: Content }[] = [
  { customer: 6, agoMs: 30 * hour, content: { type: 'text', body: 'Hello, do you also sell to shops?' } },
  {
    customer: 3,
    agoMs: 5 * hour,
    content: { type: 'text', body: 'Could I have an invoice for order 4650?' },
  },
  { customer: 5, agoMs: 3 * hour, content: { type: 'text', body: 'When will the green lamp be back?' } },
  { customer: 4, agoMs: 100 * minute, content: { type: 'text', body: 'Which bicycle fits 1.92 m?' } },
  {
    customer: 2,
    agoMs: 41 * minute,
    content: { type: 'text', body: 'The parcel came, but one cup is broken 😕' },
  },
  {
    customer: 2,
    agoMs: 40 * minute,
    content: { type: 'image', file: { kind: 'photo', variant: 7 }, caption: 'See the corner' },
  },
  { customer: 1, agoMs: 12 * minute, content: { type: 'text', body: 'Has my order 4711 left already?' } },
  { customer: 0, agoMs: 4 * minute, content: { type: 'text', body: 'Hi! Are you open on Saturday?' } },
  {
    customer: 7,
    agoMs: 2 * minute,
    content: {
      type: 'text',
      body: 'Can I get more info about this?',
      ad: { id: '120226305854810726', headline: 'Chat with us', body: '20 % off this week.' },
    },
  },
]
const lastCustomer = Math.max(...letters.map(({ customer }) => customer))
const arriveWithinMs = 60_000

export interface Stage {
  readonly deps: Deps
  readonly staff: Staff
  readonly channelId: string
  readonly teams: Readonly<Record<string, string>>
  readonly crowd: Crowd
}

/**
 * Plays the opening once per tenant: customers write through the webhook, and the staff does with it what staff does, by
 * the same use cases as over REST. Everything has a key of its own, so an opening that was cut off is finished and not
 * doubled. Answers whether it was played now. Fails with CannotStart when the letters do not come through.
 */
export async function playOpening(stage: Stage): Promise<boolean> {
  const { deps, staff, crowd } = stage
  const { tenantId } = staff.admin
  const { rows } = await deps.db.write.query<{ settings: { demo?: { opened?: boolean } } }>(
    'select settings from find_tenant($1)',
    [tenantId],
  )
  if (rows[0]?.settings.demo?.opened === true) return false
  const nowMs = deps.clock.now().getTime()
  const wamids = letters.map(({ customer, content, agoMs }, index) => {
    const wamid = `wamid.demo-${tenantId}-${index}`
    crowd.say(customer, content, { wamid, at: new Date(nowMs - agoMs) })
    return wamid
  })
  await arrival(stage, wamids)
  const phones = crowd.customers.slice(0, lastCustomer + 1).map(({ phone }) => phone)
  await foundCompanies(deps, staff, phones)
  await work(stage, await conversationsOf(stage, phones))
  await inTenant(deps, tenantId, (tx) =>
    tx.query(
      `update tenants set settings = settings || '{"demo": {"opened": true}}', updated_at = $2 where id = $1`,
      [tenantId, tx.now],
    ),
  )
  return true
}

/** Waits until every letter is a message. */
async function arrival({ deps, staff, channelId }: Stage, wamids: readonly string[]): Promise<void> {
  const { tenantId } = staff.admin
  const untilMs = performance.now() + arriveWithinMs
  for (;;) {
    const [row] = await readTenant(deps, tenantId, (query) =>
      query<{ count: number }>(
        `select count(*)::integer as count from messages
         where tenant_id = $1 and channel_id = $2 and provider_message_id = any($3)`,
        [tenantId, channelId, wamids],
      ),
    )
    if (row?.count === wamids.length) return
    if (performance.now() > untilMs)
      throw new CannotStart(
        `only ${row?.count ?? 0} of ${wamids.length} messages of the simulator came through within ${arriveWithinMs / 1000} s; the log above says why`,
      )
    await pause(100)
  }
}

/** The conversation of each of these numbers, in their order. */
async function conversationsOf(
  { deps, staff, channelId }: Stage,
  phones: readonly string[],
): Promise<string[]> {
  const { tenantId } = staff.admin
  const rows = await readTenant(deps, tenantId, (query) =>
    query<{ phone: string; id: string }>(
      `select distinct on (i.value) i.value as phone, c.id
       from contact_identities i join conversations c on c.tenant_id = i.tenant_id and c.contact_id = i.contact_id
       where i.tenant_id = $1 and c.channel_id = $2 and i.kind in ('phone', 'wa_id') and i.value = any($3)
       order by i.value, c.number`,
      [tenantId, channelId, phones],
    ),
  )
  return phones.map((phone) => rows.find((row) => row.phone === phone)?.id ?? '')
}

/** Claims, answers, labels, notes: one conversation in each state that there is. */
async function work({ deps, staff, teams }: Stage, conversations: readonly string[]): Promise<void> {
  const { aiko, ben, manager } = staff
  const of = (place: number): { conversationId: string } => ({ conversationId: conversations[place] ?? '' })
  const answer = (who: typeof aiko, place: number, text: string) =>
    sendMessage(deps, who, { ...of(place), clientMessageId: `demo-answer-${place}`, type: 'text', text })

  await claimConversation(deps, aiko, of(1))
  await labelConversation(deps, aiko, { ...of(1), add: ['order', 'vip'] })
  await answer(aiko, 1, 'Hello! Order 4711 left our warehouse this morning.')

  await claimConversation(deps, ben, of(2))
  await labelConversation(deps, ben, { ...of(2), add: ['complaint'] })
  await addNote(deps, ben, {
    ...of(2),
    body: 'Third broken cup this week. Shall we change the packaging?',
    mentions: [manager.id],
    clientKey: 'demo-note-2',
  })

  await claimConversation(deps, aiko, of(3))
  await answer(aiko, 3, 'The invoice is on its way to you.')
  await setConversationStatus(deps, aiko, { ...of(3), status: 'resolved' })

  await assignConversation(deps, manager, { ...of(4), userId: ben.id, teamId: teams['Sales'] })
  await setConversationStatus(deps, ben, { ...of(4), status: 'pending' })

  await claimConversation(deps, aiko, of(5))
  const tomorrow = new Date(deps.clock.now().getTime() + 24 * hour).toISOString()
  await snoozeConversation(deps, aiko, { ...of(5), snoozedUntil: tomorrow })

  await assignConversation(deps, manager, { ...of(6), teamId: teams['Support'] })
  await addNote(deps, manager, {
    ...of(6),
    body: 'The 24 hours are over: only a template can answer this one.',
    clientKey: 'demo-note-6',
  })
}
