import { createHmac, randomBytes } from 'node:crypto'
import { paced } from './pace.ts'
import { PostingLine } from './posting.ts'
import { serve } from './serve.ts'

/** The network: posts signed webhooks of the Cloud API, one message each, to numbers and from customers in turn. */

interface Numbered {
  readonly phoneNumberId: string
  readonly wabaId: string
  readonly phones: readonly string[]
}

interface Target {
  readonly port: number
  readonly path: string
  readonly appSecret: string
  readonly numbers: readonly Numbered[]
}

interface Posted {
  /** Milliseconds from the first post to the last answer. */
  readonly tookMs: number
  /** Answers that were not 200. */
  readonly refused: number
}

let posts = 0
const run = randomBytes(6).toString('hex')

/** A body as Meta sends it for a text; the text says when it was sent. */
function webhook({ numbers }: Target): string {
  const place = posts++
  const { phoneNumberId, wabaId, phones } = numbers[place % numbers.length] as Numbered
  const phone = phones[Math.floor(place / numbers.length) % phones.length] as string
  const sentAtUs = process.hrtime.bigint() / 1000n
  return JSON.stringify({
    object: 'whatsapp_business_account',
    entry: [
      {
        id: wabaId,
        changes: [
          {
            value: {
              messaging_product: 'whatsapp',
              metadata: { display_phone_number: '15550783881', phone_number_id: phoneNumberId },
              contacts: [{ profile: { name: 'Sheena Nelson' }, wa_id: phone }],
              messages: [
                {
                  from: phone,
                  id: `wamid.HBgL${run}${place}`,
                  timestamp: String(Math.floor(Date.now() / 1000)),
                  type: 'text',
                  text: {
                    body: `sent-at-${sentAtUs} Does it come in another colour? ${'I wonder. '.repeat(8)}`,
                  },
                },
              ],
            },
            field: 'messages',
          },
        ],
      },
    ],
  })
}

async function post(line: PostingLine, target: Target): Promise<number> {
  const body = webhook(target)
  const signature = createHmac('sha256', target.appSecret).update(body).digest('hex')
  return line.post(body, `X-Hub-Signature-256: sha256=${signature}\r\n`)
}

serve({
  /** As fast as the answers come, over so many connections. */
  flood: async ({
    target,
    webhooks,
    lines,
  }: {
    target: Target
    webhooks: number
    lines: number
  }): Promise<Posted> => {
    let left = webhooks
    let refused = 0
    const startedAt = performance.now()
    await Promise.all(
      Array.from({ length: lines }, async () => {
        const line = new PostingLine(target.port, target.path)
        while (left-- > 0) if ((await post(line, target)) !== 200) refused += 1
        line.close()
      }),
    )
    return { tookMs: performance.now() - startedAt, refused }
  },
  /** So many per second whatever the answers do, over as many connections as that takes. */
  pace: async (input: { target: Target; webhooks: number; perSecond: number }): Promise<Posted> => {
    const { target, webhooks, perSecond } = input
    const idle: PostingLine[] = []
    const all: PostingLine[] = []
    const under: Promise<void>[] = []
    let refused = 0
    const startedAt = performance.now()
    await paced(webhooks, 1000 / perSecond, () => {
      let line = idle.pop()
      if (!line) {
        line = new PostingLine(target.port, target.path)
        all.push(line)
      }
      const used = line
      under.push(
        post(used, target).then((status) => {
          if (status !== 200) refused += 1
          idle.push(used)
        }),
      )
    })
    await Promise.all(under)
    for (const line of all) line.close()
    return { tookMs: performance.now() - startedAt, refused }
  },
})
