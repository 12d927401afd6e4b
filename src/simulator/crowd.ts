import type { Alarms } from './alarms.ts'
import { reactionTo } from './answering.ts'
import type { Content, FileSketch } from './content.ts'
import { type Customer, customersOf } from './customers.ts'
import type { Dice } from './dice.ts'
import { drawFile } from './draw-file.ts'
import type { MediaFiles } from './media-files.ts'
import { messageFields, type Targets, type UploadedFile } from './message-fields.ts'
import { digitsOf, type PhoneNumber } from './phone-number.ts'
import { receiptsOf } from './receipts.ts'
import type { SentMessage } from './sent-message.ts'
import { storyOf } from './story.ts'
import { newWamid } from './wamid.ts'
import { messageBody, statusBody } from './webhook-body.ts'
import type { WebhookOutbox } from './webhook-outbox.ts'

export interface CrowdParts {
  readonly number: PhoneNumber
  readonly dice: Dice
  readonly alarms: Alarms
  readonly media: MediaFiles
  readonly outbox: WebhookOutbox
  readonly size: number
  readonly log: (line: string) => void
}

/** Where and when something was said; both are made up on the spot when left out. */
export interface Placed {
  readonly wamid?: string
  readonly at?: Date
}

/** While so many webhooks wait for the hub, nobody writes of their own accord. */
const mostWaiting = 5_000

/** The customers of a number: what they write by themselves, and what they do with what the hub writes to them. */
export class Crowd {
  readonly customers: readonly Customer[]
  readonly #parts: CrowdParts
  readonly #byPhone: ReadonlyMap<string, number>
  readonly #memory = new Map<number, Targets>()
  #answered = 0

  constructor(parts: CrowdParts) {
    this.#parts = parts
    this.customers = customersOf(parts.size)
    this.#byPhone = new Map(this.customers.map(({ phone }, place) => [phone, place]))
  }

  /** Begins the story; it ends with the alarms. `ratePerSecond`: acts of all customers together. */
  begin(ratePerSecond: number): void {
    const { alarms, dice, outbox, size } = this.#parts
    const story = storyOf(dice.fork('story'), size, ratePerSecond)
    const next = (): void => {
      const { afterMs, customer, content } = story.next().value
      alarms.exactly(afterMs, () => {
        if (outbox.waiting < mostWaiting) this.say(customer, content)
        next()
      })
    }
    next()
  }

  /** A customer does something, which the hub will hear of. */
  say(place: number, content: Content, placed: Placed = {}): void {
    this.#say(place, content, placed).catch((error: unknown) => {
      this.#parts.log(`a customer could not write: ${String(error)}`)
    })
  }

  /** The hub wrote: its statuses come, and perhaps an answer. */
  hear(message: SentMessage): void {
    const { alarms, dice, number, outbox } = this.#parts
    const place = this.#byPhone.get(message.to)
    const own = dice.fork(`answer ${this.#answered++}`)
    const customer = place === undefined ? undefined : this.customers[place]
    const { statuses, readAfterMs } = receiptsOf(own, message, customer)
    for (const { status, afterMs } of statuses)
      alarms.after(afterMs, () => outbox.post(statusBody(number, message, status, new Date())))
    if (place === undefined || readAfterMs === undefined) return
    if (message.type !== 'reaction') this.#remember(place, { hub: message.wamid })
    const reaction = reactionTo(own, message)
    if (reaction !== undefined)
      alarms.after(readAfterMs + reaction.afterMs, () => this.say(place, reaction.content))
  }

  async #say(
    place: number,
    content: Content,
    { wamid = newWamid(), at = new Date() }: Placed,
  ): Promise<void> {
    const { number, outbox } = this.#parts
    const customer = this.customers[place]
    if (customer === undefined) return
    const file = 'file' in content ? await this.#upload(content.file) : undefined
    const targets = this.#memory.get(place) ?? nothing
    const fields = messageFields(content, targets, digitsOf(number.displayPhoneNumber), file)
    if (fields === undefined) return
    if (content.type === 'revoke') this.#remember(place, { own: undefined, ownText: undefined })
    else if (content.type !== 'edit' && content.type !== 'reaction')
      this.#remember(place, { own: wamid, ...(content.type === 'text' && { ownText: wamid }) })
    outbox.post(messageBody(number, customer, { wamid, at, fields }))
  }

  async #upload(sketch: FileSketch): Promise<UploadedFile> {
    const file = await drawFile(sketch)
    return { ...this.#parts.media.add(file), mimeType: file.mimeType }
  }

  #remember(place: number, news: Partial<Targets>): void {
    this.#memory.set(place, { ...nothing, ...this.#memory.get(place), ...news })
  }
}

const nothing: Targets = { ownText: undefined, own: undefined, hub: undefined }
