import { expect, test } from 'vitest'
import { readConversation } from '../../src/domain/conversations/read-conversation.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { uuidv7 } from '../../src/platform/uuid.ts'
import { eventually } from '../harness/eventually.ts'
import { startHub } from '../harness/hub.ts'
import { blockedAt, kill, killed, lineTo, openSession } from '../harness/killing.ts'
import { connectNumber } from '../harness/number.ts'
import type { StandInAnswer } from '../harness/provider-stand-in.ts'
import { startWorkerProcess } from '../harness/worker-process.ts'

/** A read mark is no row: BullMQ holds what a dead worker had taken for 30 s more, and then another one gets it. */
const redoneWithinMs = 65_000
const patience = 180_000

/** A customer of the fake network who wrote, whose message an agent then reads. */
async function begin() {
  const hub = await startHub({ SWEEP_MS: '500' })
  const number = await connectNumber(hub)
  const { id } = await number.conversation()
  const told: unknown[] = []
  let answer: () => StandInAnswer = () => ({ json: {} })
  number.server.always({
    method: 'POST',
    path: '/reads',
    answer: (request) => {
      told.push(request.json)
      return answer()
    },
  })
  await inTenant(hub.deps, hub.tenant.id, async (tx) => {
    await tx.query(
      `insert into messages (tenant_id, id, conversation_id, channel_id, seq, direction, author_kind, type, text, status, provider_message_id, sent_at)
       values ($1, $2, $3, $4, 1, 'in', 'contact', 'text', 'hi', 'received', 'in-1', now())`,
      [tx.tenantId, uuidv7(), id, number.channelId],
    )
    await tx.query(
      'update conversations set last_seq = 1, unread_count = 1 where tenant_id = $1 and id = $2',
      [tx.tenantId, id],
    )
  })
  const { actor } = await hub.signIn('agent')
  // Whatever is nudged while Redis is not there is lost.
  await eventually(() => expect(hub.deps.redis.status).toBe('ready'))
  await readConversation(hub.deps, actor, { conversationId: id, seq: 1 })
  return {
    hub,
    told,
    answers: (next: typeof answer) => {
      answer = next
    },
    /** Jobs that wait, or that somebody has taken. */
    jobs: async () => {
      const name = `${hub.config.REDIS_PREFIX}:mark-read`
      return (await hub.deps.redis.llen(`${name}:wait`)) + (await hub.deps.redis.llen(`${name}:active`))
    },
    [Symbol.asyncDispose]: () => hub[Symbol.asyncDispose](),
  }
}

/** What a worker says to Redis when a job is done. */
const completion = /mark-read:completed/
const mark = expect.objectContaining({ messageId: 'in-1', typing: false })

test.concurrent(
  `[OUT12] ${killed('mark-read', 'before')} the customer is told by another one`,
  async () => {
    await using read = await begin()
    const holder = await openSession(read.hub)
    await holder.query('begin; lock table contact_identities in access exclusive mode')
    const worker = await startWorkerProcess(read.hub)
    await blockedAt(read.hub, 'contact_identities')
    await kill(worker)
    await holder.query('rollback')
    expect(read.told).toEqual([])
    await startWorkerProcess(read.hub)
    await eventually(() => expect(read.told).toEqual([mark]), redoneWithinMs)
  },
  patience,
)

test.concurrent(
  `[OUT12] ${killed('mark-read', 'between')} told and not answered, the customer is told the same again`,
  async () => {
    await using read = await begin()
    const worker = await startWorkerProcess(read.hub)
    read.answers(() => {
      worker.signal('SIGKILL')
      return { fault: 'stall' }
    })
    expect(await worker.ended()).toBe('SIGKILL')
    read.answers(() => ({ json: {} }))
    expect(read.told).toEqual([mark])
    await startWorkerProcess(read.hub)
    await eventually(() => expect(read.told).toEqual([mark, mark]), redoneWithinMs)
    await eventually(async () => expect(await read.jobs()).toBe(0))
  },
  patience,
)

test.concurrent(
  `[OUT12] ${killed('mark-read', 'between')} answered and not noted, the customer is told the same again`,
  async () => {
    await using read = await begin()
    const { line, environment } = await lineTo(read.hub, 'REDIS_URL')
    const noted = line.swallow(completion)
    const worker = await startWorkerProcess(read.hub, environment)
    await noted
    // Nor does it say so by another connection.
    line.leadTo(() => undefined)
    await kill(worker)
    expect(read.told).toEqual([mark])
    await startWorkerProcess(read.hub)
    await eventually(() => expect(read.told).toEqual([mark, mark]), redoneWithinMs)
    await eventually(async () => expect(await read.jobs()).toBe(0))
  },
  patience,
)

test.concurrent(
  `[OUT12] ${killed('mark-read', 'after')} nobody tells the customer again`,
  async () => {
    await using read = await begin()
    const { line, environment } = await lineTo(read.hub, 'REDIS_URL')
    const answer = line.withholdAnswer(completion)
    const worker = await startWorkerProcess(read.hub, environment)
    await answer.arrived
    await kill(worker)
    expect(await read.jobs()).toBe(0)
    expect(read.told).toEqual([mark])
  },
  patience,
)
