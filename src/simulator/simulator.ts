import { setTimeout as pause } from 'node:timers/promises'
import { Alarms } from './alarms.ts'
import { Crowd } from './crowd.ts'
import { Dice } from './dice.ts'
import type { GraphParts } from './graph-api.ts'
import { startGraphServer } from './graph-server.ts'
import { MediaFiles } from './media-files.ts'
import type { PhoneNumber } from './phone-number.ts'
import { subscribe } from './subscribe.ts'
import { TokenBucket } from './token-bucket.ts'
import { WebhookOutbox } from './webhook-outbox.ts'

export interface SimulatorOptions {
  /** Loopback port of the Graph API; 0 picks a free one. */
  readonly port: number
  /** The same seed tells the same story. */
  readonly seed: number
  /** How many times as fast as people everybody reads, thinks and types; 1 when not said. */
  readonly haste?: number
  /** Deliver webhooks twice, late and in another order. */
  readonly faults?: boolean
  /** Messages that the number may send in a second before it is refused with 130429; Meta allows 80. */
  readonly sendsPerSecond?: number
  readonly log: (line: string) => void
}

export interface Simulator {
  /** For GRAPH_API_URL. */
  readonly graphApiUrl: string
  /** For MEDIA_HOSTS. */
  readonly host: string
  /** Takes a number into service; from now on its token is good. Once. */
  connect(number: PhoneNumber, customers: number): Line
  /** Nobody writes any more and nothing is posted; the Graph API still answers. */
  hush(): void
  close(): Promise<void>
}

/** A number in service. */
export interface Line {
  readonly crowd: Crowd
  readonly outbox: WebhookOutbox
  /** Waits until the hub is there, and says whether it knows the number's verify token. */
  subscribe(): Promise<boolean>
}

const graphVersion = 'v23.0'
const standardSendsPerSecond = 80
const knockEveryMs = 1_000

/** Plays Meta's side of WhatsApp for one number: the Graph API, signed webhooks, and people who write. */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const { log } = options
  const dice = new Dice(options.seed)
  const alarms = new Alarms(options.haste ?? 1)
  const lifeline = new AbortController()
  const media = new MediaFiles()
  let parts: GraphParts | undefined
  let outbox: WebhookOutbox | undefined
  const server = await startGraphServer(options.port, () => parts)

  const hush = (): void => {
    lifeline.abort()
    alarms.stop()
    outbox?.stop()
  }
  return {
    graphApiUrl: `http://${server.host}/${graphVersion}`,
    host: server.host,
    connect: (number, customers) => {
      if (parts !== undefined) throw new Error('this simulator has a number already')
      const box = new WebhookOutbox({
        number,
        alarms,
        log,
        ...(options.faults && { faults: dice.fork('faults') }),
      })
      const crowd = new Crowd({ number, dice, alarms, media, outbox: box, size: customers, log })
      outbox = box
      parts = {
        number,
        media,
        bucket: new TokenBucket(options.sendsPerSecond ?? standardSendsPerSecond),
        onSent: (message) => crowd.hear(message),
      }
      return { crowd, outbox: box, subscribe: () => knock(number, lifeline.signal, log) }
    },
    hush,
    close: async () => {
      hush()
      await server.close()
    },
  }
}

/** True when the hub said yes; false when it refused, or when we were stopped before it was there. */
async function knock(
  number: PhoneNumber,
  signal: AbortSignal,
  log: (line: string) => void,
): Promise<boolean> {
  for (let told = false; !signal.aborted; told = true) {
    const subscribed = await subscribe(number, signal)
    if (subscribed !== 'away') return subscribed === 'yes'
    if (!told && !signal.aborted) log(`waiting for the hub at ${number.webhookUrl}`)
    await pause(knockEveryMs, undefined, { signal }).catch(() => {})
  }
  return false
}
