import { randomInt } from 'node:crypto'
import type { PhoneNumber } from './phone-number.ts'

/** What became of the handshake; `away` is worth another try. */
export type Subscribed = 'yes' | 'away' | 'refused'

const answerWithinMs = 10_000

/** Asks the hub whether webhooks may go there, as Meta does once when the address is saved (reference 1.1). */
export async function subscribe(number: PhoneNumber, signal: AbortSignal): Promise<Subscribed> {
  const challenge = String(randomInt(1_000_000_000, 2_000_000_000))
  const url = new URL(number.webhookUrl)
  url.searchParams.set('hub.mode', 'subscribe')
  url.searchParams.set('hub.challenge', challenge)
  url.searchParams.set('hub.verify_token', number.verifyToken)
  try {
    const response = await fetch(url, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(answerWithinMs)]),
    })
    const text = await response.text()
    if (response.status === 200) return text === challenge ? 'yes' : 'refused'
    return response.status >= 500 || response.status === 429 ? 'away' : 'refused'
  } catch {
    return 'away'
  }
}
