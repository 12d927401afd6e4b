import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { ErrorBody } from '../../src/contract/errors.ts'
import type { Acked } from '../harness/checker.ts'
import type { Console } from '../harness/console.ts'
import { delivery, type Person, person, wamid, written } from '../ingest/cloud-bodies.ts'
import type { CloudNumber } from '../webhooks/intake-hub.ts'
import type { CloudFile } from '../harness/cloud-files.ts'
import type { CloudNetwork } from '../harness/cloud-network.ts'
import { type Album, uploadPicture } from './storm-files.ts'

/** What a storm wrote down while it blew. */
export interface Journal {
  readonly acked: Acked[]
  /** Things that were asked for with a key, whatever was answered. */
  readonly asked: Acked[]
  /** Codes of refusals, and how often. */
  readonly refusals: Map<string, number>
  /** Asked again because no answer came. */
  repeats: number
  /** Deliveries that are still to be taken. */
  readonly pending: Set<Promise<void>>
}

export function newJournal(): Journal {
  return { acked: [], asked: [], refusals: new Map(), repeats: 0, pending: new Set() }
}

/** A tenant in a storm: what everybody in it writes carries its mark, which nobody else may ever be shown. */
export interface Town {
  readonly slug: string
  readonly id: string
  readonly mark: string
  readonly numbers: readonly CloudNumber[]
  readonly consoles: readonly Console[]
  readonly customers: readonly Customer[]
  /** A team that Ana is in, and Ben is not. */
  readonly teamId: string
}

interface Customer {
  who: Person & { number: string }
  readonly at: CloudNumber
  /** Ids of what this customer wrote. */
  readonly wrote: string[]
  /** Ids of what we wrote to this customer. */
  readonly got: string[]
}

export function newCustomer(at: CloudNumber, mark: string): Customer {
  return { who: person(`Customer ${mark}`), at, wrote: [], got: [] }
}

export type Random = () => number
export const pick = <T>(random: Random, items: readonly T[]): T =>
  items[Math.floor(random() * items.length)] as T

/** Customers of a town write, send pictures, answer, react, correct and take back; the network posts it, often twice and in any order. */
export async function customersWrite(
  town: Town,
  { network, album }: { network: CloudNetwork; album: Album },
  journal: Journal,
  random: Random,
  isOver: () => boolean,
): Promise<void> {
  const picture = () => network.hold(pick(random, album), 'image/jpeg')
  for (let n = 0; !isOver(); n++) {
    const customer = pick(random, town.customers)
    const values = somethingSaid(customer, { text: `${town.mark} ${n}`, picture }, random)
    const ids = values.flatMap(({ id }) => (id === null ? [] : [id]))
    const body = delivery(
      customer.at,
      values.toSorted(() => random() - 0.5).map(({ value }) => value),
    )
    const copies = random() < 0.25 ? 3 : 1
    for (let copy = 0; copy < copies; copy++) {
      const posted = network.deliver(customer.at, body).then(() => {
        journal.pending.delete(posted)
        if (copy > 0) return
        for (const id of ids) journal.acked.push({ tenant: town.slug, type: 'message.received', id })
      })
      journal.pending.add(posted)
    }
    await pause(random() * 120)
  }
}

/** One thing that a customer does; `id` when it must become a message. */
function somethingSaid(
  customer: Customer,
  { text, picture }: { text: string; picture: () => CloudFile },
  random: Random,
): { id: string | null; value: Record<string, unknown> }[] {
  const say = (more: { replyTo?: string; content?: Record<string, unknown> } = {}) => {
    const id = wamid()
    customer.wrote.push(id)
    return { id, value: written(customer.who, text, { id, ...more }) }
  }
  const about = (type: string, content: Record<string, unknown>) => [
    { id: null, value: written(customer.who, '', { content: { type, [type]: content } }) },
  ]
  const own = customer.wrote.at(-1 - Math.floor(random() * 5))
  const any = pick(random, [...customer.wrote.slice(-5), ...customer.got.slice(-5)])
  const dice = random()
  if (dice < 0.08) return [say({ content: { type: 'image', image: { ...picture(), caption: text } } })]
  if (dice < 0.6 || own === undefined || any === undefined) return [say()]
  if (dice < 0.7) return [say(), say(), say()]
  if (dice < 0.78) return [say({ replyTo: any })]
  if (dice < 0.88)
    return about('reaction', {
      message_id: any,
      ...(random() < 0.7 && { emoji: pick(random, ['👍', '🎉']) }),
    })
  if (dice < 0.93)
    return about('edit', {
      original_message_id: own,
      message: { context: { id: 'M0' }, type: 'text', text: { body: `${text}, corrected` } },
    })
  if (dice < 0.96) return about('revoke', { original_message_id: own })
  const before = customer.who
  customer.who = { ...person(before.name), name: before.name ?? '' }
  return [
    {
      id: null,
      value: written(before, '', {
        content: {
          type: 'system',
          system: { type: 'user_changed_number', body: `${text} changed number`, wa_id: customer.who.number },
        },
      }),
    },
  ]
}

/** The network tells what became of what it took: each status on its own way, some twice, in any order. */
export function tellStatuses(
  towns: readonly Town[],
  network: CloudNetwork,
  journal: Journal,
  random: Random,
): Map<string, string> {
  const told = new Map<string, string>()
  const rungs = ['sent', 'delivered', 'read']
  const numbers = new Map(towns.flatMap(({ numbers: all }) => all.map((one) => [one.phoneNumberId, one])))
  const customers = towns.flatMap((town) => town.customers)
  network.onAccepted((send) => {
    const number = numbers.get(send.phoneNumberId)
    if (!number) return
    customers.find(({ who, at }) => at === number && who.number === send.to)?.got.push(send.id)
    for (const status of [
      ...rungs.slice(0, 1 + Math.floor(random() * 3)),
      ...(random() < 0.3 ? ['sent'] : []),
    ]) {
      const done = pause(random() * 800)
        .then(() => network.tell(number, send, status))
        .then(() => {
          journal.pending.delete(done)
          const before = told.get(send.ref)
          if (before === undefined || rungs.indexOf(status) > rungs.indexOf(before))
            told.set(send.ref, status)
        })
      journal.pending.add(done)
    }
  })
  return told
}

/** Answers that say "not now": the same question is asked again, with the same key. */
const notNow = new Set(['unavailable', 'rate_limited', 'draining'])

/** Somebody works at a console, in whatever conversation they see, and asks again until they are answered. */
export async function workAt(
  console: Console,
  { town, album }: { town: Town; album: Album },
  journal: Journal,
  random: Random,
  isOver: () => boolean,
): Promise<void> {
  const users = () => [...console.state.users.values()].filter(({ role }) => role === 'agent')
  for (let n = 0; !isOver(); n++) {
    await pause(50 + random() * 300)
    const conversation = pick(random, [...console.state.conversations.values()])
    if (!conversation) continue
    const conversationId = conversation.id
    const text = `${town.mark} ${randomUUID()}`
    if (random() < 0.12) {
      await tendRecords(console, town, journal, random)
      continue
    }
    const dice = random()
    if (dice < 0.45) {
      const target = { tenant: town.slug, type: 'message.queued', id: randomUUID() }
      const seen = random() < 0.3 ? { lastSeenSeq: conversation.lastSeq } : {}
      const file = random() < 0.15 ? await uploadPicture(console, pick(random, album)) : undefined
      const said = file ? { type: 'image', media: { id: file, caption: text } } : { type: 'text', text }
      const input = { clientMessageId: target.id, ...said, ...seen }
      await insist(
        journal,
        random,
        target,
        ways(console, ['message.send', conversationId, 'messages', input]),
      )
    } else if (dice < 0.55) {
      const target = { tenant: town.slug, type: 'note.added', id: text }
      const input = { body: text, clientKey: randomUUID() }
      await insist(journal, random, target, ways(console, ['note.add', conversationId, 'notes', input]))
    } else if (dice < 0.63)
      await insist(journal, random, null, ways(console, ['conversation.claim', conversationId, 'claim', {}]))
    else if (dice < 0.7) {
      const input = pick<Record<string, string | null>>(random, [
        { userId: null },
        { userId: pick(random, users())?.id ?? null },
        { userId: null, teamId: town.teamId },
        { teamId: null },
      ])
      await insist(
        journal,
        random,
        null,
        ways(console, ['conversation.assign', conversationId, 'assign', input]),
      )
    } else if (dice < 0.78) {
      const input = { status: pick(random, ['open', 'pending', 'resolved'] as const) }
      await insist(
        journal,
        random,
        null,
        ways(console, ['conversation.set-status', conversationId, 'status', input]),
      )
    } else if (dice < 0.88) {
      const input = {
        add: [`${town.mark} ${pick(random, ['a', 'b', 'c'])}`],
        remove: [`${town.mark} ${pick(random, ['a', 'b', 'c'])}`],
      }
      await insist(
        journal,
        random,
        null,
        ways(console, ['conversation.label', conversationId, 'labels', input]),
      )
    } else if (dice < 0.96) {
      const input = { seq: Math.max(0, conversation.lastSeq - Math.floor(random() * 3)) }
      await insist(journal, random, null, ways(console, ['conversation.read', conversationId, 'read', input]))
    } else {
      const messages = console.state.messages.get(conversationId) ?? []
      const messageId = pick(random, messages.slice(-5))?.id
      if (messageId === undefined) continue
      const target = { tenant: town.slug, type: 'message.queued', id: randomUUID() }
      const input = { clientMessageId: target.id, type: 'reaction', reaction: { messageId, emoji: '✅' } }
      await insist(
        journal,
        random,
        target,
        ways(console, ['message.send', conversationId, 'messages', input]),
      )
    }
  }
}

type Way = () => Promise<string | undefined>

/** Over the socket or over REST: the same use case and, with a key, the same effect. */
function ways(
  console: Console,
  [command, conversationId, path, input]: readonly [
    command: Parameters<Console['command']>[0],
    conversationId: string,
    path: string,
    input: Record<string, unknown>,
  ],
): Way[] {
  const socket = () => overSocket(console, command, { conversationId, ...input })
  return [socket, socket, () => overRest(console, 'POST', `/conversations/${conversationId}/${path}`, input)]
}

/** Asks, each time in any of these ways, until the answer is one. */
async function insist(
  journal: Journal,
  random: Random,
  target: Acked | null,
  given: readonly Way[],
): Promise<void> {
  if (target) journal.asked.push(target)
  for (;;) {
    const outcome = await pick(random, given)()
    if (outcome === 'done') {
      if (target) journal.acked.push(target)
      return
    }
    if (outcome !== undefined) {
      journal.refusals.set(outcome, (journal.refusals.get(outcome) ?? 0) + 1)
      if (!notNow.has(outcome)) return
    }
    journal.repeats += 1
    await pause(50 + random() * 100)
  }
}

/** `done`, the code of a refusal, or undefined when nobody knows. */
async function overSocket(
  console: Console,
  command: Parameters<Console['command']>[0],
  input: Record<string, unknown>,
): Promise<string | undefined> {
  const ack = await console.command(command, input)
  return ack && (ack.ok ? 'done' : ack.error.code)
}

async function overRest(
  console: Console,
  method: string,
  path: string,
  input?: Record<string, unknown>,
  headers: Record<string, string> = {},
): Promise<string | undefined> {
  const answer = await console.ask<Partial<ErrorBody> | null>(method, path, input, headers)
  return answer && (answer.status < 300 ? 'done' : (answer.body?.code ?? `status ${answer.status}`))
}

/** Somebody keeps the customers and tags of the CRM: adds, changes, deletes and brings back. */
async function tendRecords(console: Console, town: Town, journal: Journal, random: Random): Promise<void> {
  const text = `${town.mark} ${randomUUID()}`
  const { customers, tags } = console.state.records
  const customer = pick(random, [...customers.keys()])
  const tag = pick(random, [...tags.keys()])
  const dice = random()
  if (customer === undefined || dice < 0.35) {
    const target = { tenant: town.slug, type: 'customer.created', id: text }
    const headers = { 'idempotency-key': randomUUID() }
    await insist(journal, random, target, [
      () => overRest(console, 'POST', '/admin/customers', { name: text }, headers),
    ])
    return
  }
  const path = `/admin/customers/${customer}`
  const request = pick<[method: string, path: string, input?: Record<string, unknown>]>(random, [
    ['PATCH', path, { company: text }],
    ['PATCH', path, { status: pick(random, ['lead', 'active']) }],
    ['DELETE', path],
    ['POST', `/admin/customers/${1 + Math.floor(random() * customer)}/restore`],
    ['POST', '/admin/tags', { name: `${town.mark} ${pick(random, ['a', 'b', 'c', 'd'])}` }],
    [random() < 0.5 ? 'POST' : 'DELETE', `${path}/tags/${tag ?? 1}`],
  ])
  await insist(journal, random, null, [() => overRest(console, ...request)])
}
