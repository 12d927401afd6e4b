import { signatureOf } from '../providers/signature.ts'
import type { Alarms } from './alarms.ts'
import type { Dice } from './dice.ts'
import type { PhoneNumber } from './phone-number.ts'
import { wireBytes } from './webhook-body.ts'

export interface OutboxOptions {
  readonly number: Pick<PhoneNumber, 'webhookUrl' | 'appSecret'>
  readonly alarms: Alarms
  /** Throws which deliveries are doubled, swapped or late; without it each is posted once, at once. */
  readonly faults?: Dice
  readonly log: (line: string) => void
}

/** Posts at a time; the others wait their turn. */
const mostAtOnce = 16
const answerWithinMs = 20_000
const firstRetryMs = 1_000
const longestRetryMs = 60_000

/**
 * Webhooks on their way to the hub. Whatever is not answered with 200 is posted again: at once, then after 1, 2, 4 …
 * 60 s, for as long as we run (Meta: seven days). So nothing is lost while the hub is away, things come twice when an
 * answer got lost, and nothing keeps their order (reference 2).
 */
export class WebhookOutbox {
  readonly #options: OutboxOptions
  readonly #queue: { bytes: Buffer; failures: number }[] = []
  readonly #lifeline = new AbortController()
  #posting = 0
  #waiting = 0
  #accepted = 0
  #trouble: string | undefined

  constructor(options: OutboxOptions) {
    this.#options = options
  }

  /** Webhooks that the hub has not answered with 200 yet. */
  get waiting(): number {
    return this.#waiting
  }

  /** Posts that the hub answered with 200, doubled ones included. */
  get accepted(): number {
    return this.#accepted
  }

  post(body: Record<string, unknown>): void {
    const bytes = wireBytes(body)
    const { faults, alarms } = this.#options
    const roll = faults?.next() ?? 1
    this.#waiting += 1
    if (roll < 0.1) alarms.after(faults?.between(1_000, 10_000) ?? 0, () => this.#enqueue(bytes, 0))
    else if (roll < 0.4) alarms.after(faults?.between(0, 800) ?? 0, () => this.#enqueue(bytes, 0))
    else this.#enqueue(bytes, 0)
    if (faults?.chance(0.1)) {
      this.#waiting += 1
      alarms.after(faults.between(0, 3_000), () => this.#enqueue(bytes, 0))
    }
  }

  stop(): void {
    this.#lifeline.abort()
  }

  #enqueue(bytes: Buffer, failures: number): void {
    this.#queue.push({ bytes, failures })
    this.#pump()
  }

  #pump(): void {
    while (this.#posting < mostAtOnce && !this.#lifeline.signal.aborted) {
      const next = this.#queue.shift()
      if (next === undefined) return
      this.#posting += 1
      void this.#deliver(next.bytes, next.failures)
    }
  }

  async #deliver(bytes: Buffer, failures: number): Promise<void> {
    const trouble = await this.#try(bytes)
    this.#posting -= 1
    if (this.#lifeline.signal.aborted) return
    this.#tell(trouble)
    if (trouble === undefined) {
      this.#waiting -= 1
      this.#accepted += 1
    } else {
      const waitMs = failures === 0 ? 0 : Math.min(firstRetryMs * 2 ** (failures - 1), longestRetryMs)
      this.#options.alarms.after(waitMs, () => this.#enqueue(bytes, failures + 1))
    }
    this.#pump()
  }

  /** Why the hub did not take it; undefined when it did. */
  async #try(bytes: Buffer): Promise<string | undefined> {
    const { webhookUrl, appSecret } = this.#options.number
    try {
      const response = await fetch(webhookUrl, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'user-agent': 'facebookexternalua',
          'x-hub-signature-256': signatureOf(bytes, appSecret),
        },
        body: new Uint8Array(bytes),
        redirect: 'manual',
        signal: AbortSignal.any([this.#lifeline.signal, AbortSignal.timeout(answerWithinMs)]),
      })
      await response.arrayBuffer()
      return response.status === 200 ? undefined : `it answers ${response.status}`
    } catch {
      return 'it does not answer'
    }
  }

  /** Once when trouble begins or changes, and once when it is over. */
  #tell(trouble: string | undefined): void {
    if (trouble === this.#trouble) return
    const hint =
      trouble === 'it answers 401' ? ' (has its channel another app secret, or another phone number id?)' : ''
    this.#options.log(
      trouble === undefined
        ? 'the hub takes webhooks again'
        : `the hub takes no webhooks: ${trouble}${hint}; they are kept and posted again`,
    )
    this.#trouble = trouble
  }
}
