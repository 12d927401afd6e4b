import { createHmac, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { MikroORM } from '@mikro-orm/postgresql'
import { createAdapter } from '@socket.io/redis-adapter'
import { Queue, Worker } from 'bullmq'
import express from 'express'
import { Redis } from 'ioredis'
import { Server } from 'socket.io'
import { serve } from '../parts/serve.ts'
import { Contact, Conversation, Message, openRecords } from './naive-records.ts'

/**
 * Webhooks as they are usually taken: Express checks the signature and adds a BullMQ job, a worker does each job in one
 * transaction of the ORM and then emits to the tenant's room by the Redis adapter. Two processes of this program
 * (`intake` and `worker`), and socketio-redis.ts for the sockets.
 */

const [, , part = '', redisUrl = '', databaseUrl = ''] = process.argv
const queueName = 'webhooks'
const prefix = '{naive}'

interface Value {
  readonly metadata: { readonly phone_number_id: string }
  readonly contacts: readonly { readonly wa_id: string; readonly profile: { readonly name: string } }[]
  readonly messages: readonly {
    readonly id: string
    readonly from: string
    readonly timestamp: string
    readonly type: string
    readonly text?: { readonly body: string }
  }[]
}
interface Body {
  readonly entry: readonly { readonly changes: readonly { readonly value: Value }[] }[]
}

async function startIntake(): Promise<void> {
  const queue = new Queue(queueName, {
    connection: new Redis(redisUrl, { maxRetriesPerRequest: null }),
    prefix,
  })
  let appSecret = ''
  const app = express()
  app.post('/webhook', express.raw({ type: 'application/json', limit: '4mb' }), async (request, response) => {
    const body = request.body as Buffer
    const expected = `sha256=${createHmac('sha256', appSecret).update(body).digest('hex')}`
    const given = request.get('x-hub-signature-256') ?? ''
    if (given.length !== expected.length || !timingSafeEqual(Buffer.from(given), Buffer.from(expected))) {
      response.status(401).end()
      return
    }
    await queue.add('webhook', JSON.parse(body.toString()), { removeOnComplete: true, attempts: 3 })
    response.json({ received: true })
  })
  const http = createServer(app).listen(0, '127.0.0.1', 4096)
  await once(http, 'listening')
  serve({
    port: () => (http.address() as AddressInfo).port,
    secret: ({ secret }: { secret: string }) => {
      appSecret = secret
    },
  })
}

async function startWorker(): Promise<void> {
  const orm = await openRecords(databaseUrl)
  const publisher = new Redis(redisUrl)
  const io = new Server({ adapter: createAdapter(publisher, publisher.duplicate()) })
  const tenantOf = new Map<string, string>()
  const worker = new Worker<Body>(
    queueName,
    async ({ data }) => {
      for (const { changes } of data.entry)
        for (const { value } of changes) await take(orm, io, tenantOf, value)
    },
    { connection: new Redis(redisUrl, { maxRetriesPerRequest: null }), prefix, concurrency: 20 },
  )
  await worker.waitUntilReady()
  serve({
    tenants: ({ numbers }: { numbers: readonly (readonly [phoneNumberId: string, tenant: string])[] }) => {
      for (const [phoneNumberId, tenant] of numbers) tenantOf.set(phoneNumberId, tenant)
    },
  })
}

async function take(orm: MikroORM, io: Server, tenantOf: Map<string, string>, value: Value): Promise<void> {
  const tenant = tenantOf.get(value.metadata.phone_number_id)
  if (tenant === undefined) return
  for (const item of value.messages) {
    const name = value.contacts.find(({ wa_id }) => wa_id === item.from)?.profile.name ?? null
    const saved = await orm.em.fork().transactional(async (em) => {
      if (await em.findOne(Message, { providerId: item.id })) return null
      let contact = await em.findOne(Contact, { tenant, phone: item.from })
      contact ??= em.create(Contact, { tenant, phone: item.from, name })
      let conversation = await em.findOne(Conversation, { tenant, contact, status: 'open' })
      conversation ??= em.create(Conversation, {
        tenant,
        contact,
        status: 'open',
        unread: 0,
        lastMessageAt: null,
      })
      const sentAt = new Date(Number(item.timestamp) * 1000)
      const message = em.create(Message, {
        tenant,
        conversation,
        providerId: item.id,
        type: item.type,
        text: item.text?.body ?? null,
        sentAt,
        createdAt: new Date(),
      })
      conversation.unread += 1
      conversation.lastMessageAt = sentAt
      await em.flush()
      return { message, conversation, contact }
    })
    if (!saved) continue
    const { message, conversation, contact } = saved
    io.to(tenant).emit('message.received', {
      message: {
        id: message.id,
        conversationId: conversation.id,
        providerId: message.providerId,
        type: message.type,
        text: message.text,
        sentAt: message.sentAt,
        from: { id: contact.id, name: contact.name, phone: contact.phone },
      },
      conversation: {
        id: conversation.id,
        unread: conversation.unread,
        lastMessageAt: conversation.lastMessageAt,
      },
    })
  }
}

await (part === 'intake' ? startIntake() : startWorker())
