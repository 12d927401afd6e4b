import { createHash, createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdapter } from '@socket.io/redis-adapter'
import { Redis } from 'ioredis'
import { Server } from 'socket.io'
import { serve } from '../parts/serve.ts'
import { claim, keep, makeTables, openBare, type Kept, type Said, write } from './bare-records.ts'

/**
 * The way of a webhook with as little as it takes: node:http checks the signature and answers after the commit, one worker
 * takes what waits of all tenants in one transaction of three statements, and emits by the Redis adapter. No framework,
 * no rights, no row security, no replay, texts of people it knows only. What this machine needs for it, nobody undercuts.
 * Two processes of this program (`intake` and `worker`), and socketio-redis.ts for the sockets.
 */

const [, , part = '', redisUrl = '', databaseUrl = ''] = process.argv
const bell = 'bare:waiting'

interface Body {
  readonly entry: readonly {
    readonly changes: readonly {
      readonly value: {
        readonly contacts: readonly { readonly profile: { readonly name: string } }[]
        readonly messages: readonly {
          readonly id: string
          readonly from: string
          readonly timestamp: string
          readonly type: string
          readonly text?: { readonly body: string }
        }[]
      }
    }[]
  }[]
}

async function startIntake(): Promise<void> {
  const client = await openBare(databaseUrl)
  const redis = new Redis(redisUrl)
  let appSecret = ''
  let tenantOf = new Map<string, string>()
  let waiting: { kept: Kept; answer: () => void }[] = []
  let isKeeping = false

  const keepAll = async (): Promise<void> => {
    while (waiting.length > 0) {
      const taken = waiting
      waiting = []
      await keep(
        client,
        taken.map(({ kept }) => kept),
      )
      void redis.rpush(bell, '')
      for (const { answer } of taken) answer()
    }
    isKeeping = false
  }

  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    const expected = `sha256=${createHmac('sha256', appSecret).update(body).digest('hex')}`
    const number = /"phone_number_id":"(\d+)"/.exec(body.toString('latin1'))?.[1] ?? ''
    const tenant = tenantOf.get(number)
    if (request.headers['x-hub-signature-256'] !== expected || tenant === undefined) {
      response.writeHead(401).end()
      return
    }
    const hash = createHash('sha256').update(body).digest('hex')
    waiting.push({ kept: { hash, tenant, body }, answer: () => response.end('{"received":true}') })
    if (isKeeping) return
    isKeeping = true
    setImmediate(() => void keepAll())
  }
  const http = createServer((request, response) => void take(request, response)).listen(0, '127.0.0.1', 4096)
  await once(http, 'listening')
  serve({
    port: () => (http.address() as AddressInfo).port,
    open: async ({
      secret,
      numbers,
    }: {
      secret: string
      numbers: readonly (readonly [string, string])[]
    }) => {
      appSecret = secret
      tenantOf = new Map(numbers)
      await makeTables(client, [...tenantOf.values()])
    },
  })
}

async function startWorker(): Promise<void> {
  const client = await openBare(databaseUrl)
  const redis = new Redis(redisUrl)
  const publisher = new Redis(redisUrl)
  const io = new Server({ adapter: createAdapter(publisher, publisher.duplicate()) })

  const look = async (): Promise<void> => {
    const deliveries = await claim(client)
    const said = deliveries.flatMap(({ tenant, body }) => saidIn(tenant, JSON.parse(body.toString()) as Body))
    const told = await write(
      client,
      said,
      deliveries.map(({ id }) => id),
    )
    for (const { tenant, payload } of told) io.to(tenant).emit('message.received', payload)
    if (deliveries.length > 0) await look()
  }

  serve({
    work: () => {
      void (async () => {
        for (;;) {
          await redis.blpop(bell, 0)
          await redis.del(bell)
          await look()
        }
      })()
    },
  })
}

function saidIn(tenant: string, { entry }: Body): Said[] {
  return entry.flatMap(({ changes }) =>
    changes.flatMap(({ value: { contacts, messages } }) =>
      messages.map(({ id, from, timestamp, type, text }) => ({
        tenant,
        phone: from,
        name: contacts[0]?.profile.name ?? null,
        providerId: id,
        type,
        text: text?.body ?? null,
        sentAt: new Date(Number(timestamp) * 1000),
      })),
    ),
  )
}

await (part === 'intake' ? startIntake() : startWorker())
