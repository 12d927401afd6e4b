import { can } from '../src/auth/can.ts'
import type { Deps } from '../src/deps.ts'
import { readPlace } from '../src/log/read.ts'
import type { SessionActor } from './session.ts'

/** Networks show a customer that we write for about 25 s, so this often is enough for somebody who goes on writing. */
export const toldEveryMs = 20_000

/**
 * Tells customers that one of us writes to them: asks a worker at most once in 20 s and conversation, whoever writes there
 * and however fast. The worker knows whether the number can be used now (src/domain/messages/tell-read.ts). Lossy.
 */
export class CustomerTyping {
  readonly #deps: Pick<Deps, 'db' | 'jobs' | 'log'>
  /** When a customer may be told again, by conversation; monotonic milliseconds. */
  readonly #again = new Map<string, number>()

  constructor(deps: Pick<Deps, 'db' | 'jobs' | 'log'>) {
    this.#deps = deps
  }

  /** Somebody writes at `now` (monotonic milliseconds). Nothing happens for those who may not send what they write. */
  async tell(
    by: { readonly actor: SessionActor; readonly tenant: { readonly id: string } },
    conversationId: string,
    now = performance.now(),
  ): Promise<void> {
    const { actor, tenant } = by
    if (!can(actor, 'message.send') || this.#isTold(conversationId, now)) return
    const place = await readPlace(this.#deps, tenant.id, conversationId).catch((error: unknown) => {
      // Colleagues were told; for the customer this was best effort.
      this.#deps.log.debug({ conversationId, err: error }, 'a customer was not told that somebody writes')
      return null
    })
    if (place === null || !can(actor, 'message.send', place) || this.#isTold(conversationId, now)) return
    this.#again.set(conversationId, now + toldEveryMs)
    this.#deps.jobs.nudge('mark-read', { tenantId: tenant.id, conversationId, typing: true })
  }

  /** Forgets what is over. */
  sweep(now: number): void {
    for (const [conversationId, again] of this.#again) if (again <= now) this.#again.delete(conversationId)
  }

  #isTold(conversationId: string, now: number): boolean {
    return now < (this.#again.get(conversationId) ?? Number.NEGATIVE_INFINITY)
  }
}
