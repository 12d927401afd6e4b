import { type Connection, sendable } from '../platform/corked-client.ts'
import type { Found, Statement } from '../platform/statement-run.ts'
import { type GatheredRows, gatheredStatement } from './gathered.ts'
import { beginning, shareBegins, tenantIsAlone, tenantsAre } from './statements.ts'
import type { Asking } from './tenant-tx.ts'

type Answer = PromiseWithResolvers<Found>

interface Share {
  readonly tenantId: string
  readonly rows: readonly GatheredRows[]
  readonly answer: Answer
}

/** One statement that goes out: a tenant's own, or one that several share. */
type Step =
  | {
      readonly kind: 'own'
      readonly tenantId: string
      readonly statement: Statement
      readonly answer: Answer
    }
  | { readonly kind: 'gathered'; readonly text: string; readonly shares: Share[] }

/**
 * One connection in one transaction for several tenants, each of which sees its share of it as if it were a connection of its
 * own. What all of them ask in one turn of the event loop goes out in one packet, each tenant's in its order. A gathered statement that
 * several ask for goes once, with the rows of all of them, and sees the rows of all; a tenant's own statement goes behind
 * one that hides the rows of all others.
 */
export class SharedConnection {
  readonly #client: Connection
  readonly #tenants: readonly string[]
  #steps: Step[] = []
  /** By tenant, the place of its last step. */
  readonly #last = new Map<string, number>()
  readonly #role: string
  /** Whose rows exist: one tenant's, or those of all. */
  #sight: string = everybody
  readonly #lockMs: number
  readonly #begun = Promise.withResolvers<void>()
  #state: 'new' | 'beginning' | 'begun' = 'new'
  #whyOver: { readonly error: unknown } | undefined

  /**
   * Begins a transaction of these tenants together with what they ask first (`shareBegins`). What is a tenant's own runs as `role`.
   */
  constructor(client: Connection, tenants: readonly string[], role: string, lockMs: number) {
    this.#client = client
    this.#tenants = tenants
    this.#role = role
    this.#lockMs = lockMs
    this.#begun.promise.catch(() => {})
    process.nextTick(() => this.#sendLater())
  }

  /** Settles when the transaction is begun. Nothing goes out in between: outside of one it would be committed by itself. */
  get begun(): Promise<void> {
    return this.#begun.promise
  }

  /** The share of a tenant. */
  of(tenantId: string): Asking {
    const query = (async (...parts: Parameters<Connection['query']>) => {
      if (this.#state !== 'begun') await this.#begun.promise
      this.send()
      this.#see(tenantId)
      return this.#client.query(...parts)
    }) as unknown as Connection['query']
    // Whoever asks is told at once of a value that cannot be sent, as by the connection itself: the server never hears of it,
    // and would commit the rest.
    const ask = async (statement: Statement) => {
      const sent = { ...statement, values: sendable(statement) }
      const answer = Promise.withResolvers<Found>()
      this.#add(tenantId, { kind: 'own', tenantId, statement: sent, answer })
      return answer.promise
    }
    const gather = (text: string, rows: readonly GatheredRows[]) => {
      const share = { tenantId, rows, answer: Promise.withResolvers<Found>() }
      this.#join(text, share)
      return share.answer.promise
    }
    return { ask, query, gather }
  }

  /**
   * Sends what was asked so far, so that what is asked of the connection itself comes behind it. Fails when that cannot be sent, and
   * from then on, because the server would commit the rest.
   */
  send(): void {
    if (this.#whyOver) throw this.#whyOver.error
    if (this.#state === 'new') this.#begin()
    const steps = this.#steps
    this.#steps = []
    this.#last.clear()
    try {
      for (const step of steps) this.#sendStep(step)
    } catch (error) {
      this.#steps = steps
      this.drop(error)
      throw error
    }
  }

  /**
   * Sends nothing any more, neither what was asked so far: the transaction is about to be taken back, and whatever came behind that
   * would be committed by itself.
   */
  drop(error: unknown): void {
    this.#whyOver ??= { error }
    if (this.#state === 'new') this.#begun.reject(error)
    for (const step of this.#steps.splice(0))
      for (const answer of step.kind === 'own' ? [step.answer] : step.shares.map((share) => share.answer))
        answer.reject(error)
  }

  /** From here on the rows of all tenants of the transaction exist. */
  seeAll(): void {
    this.#see(everybody)
  }

  /** Behind everything that was asked so far. */
  #add(tenantId: string, step: Step): void {
    if (this.#steps.length === 0) process.nextTick(() => this.#sendLater())
    this.#last.set(tenantId, this.#steps.push(step) - 1)
  }

  /** To the others who asked for the same, if that stands behind everything that its tenant asked so far. */
  #join(text: string, share: Share): void {
    const { tenantId } = share
    const after = this.#last.get(tenantId) ?? -1
    for (const [place, step] of this.#steps.entries()) {
      if (place <= after || step.kind !== 'gathered' || step.text !== text) continue
      step.shares.push(share)
      this.#last.set(tenantId, place)
      return
    }
    this.#add(tenantId, { kind: 'gathered', text, shares: [share] })
  }

  /** Who waits for the answers is told of what went wrong, and so is whoever ends the transaction. */
  #sendLater(): void {
    if (this.#whyOver) this.drop(this.#whyOver.error)
    else if (this.#state !== 'beginning') {
      try {
        this.send()
      } catch {}
    }
  }

  #begin(): void {
    this.#state = 'beginning'
    const beginnings = [beginning, shareBegins(this.#tenants, this.#lockMs)]
    Promise.all(beginnings.map((statement) => this.#client.ask(statement))).then(
      () => {
        this.#state = 'begun'
        this.#begun.resolve()
        this.#sendLater()
      },
      (error: unknown) => {
        this.drop(error)
        this.#begun.reject(error)
      },
    )
  }

  #sendStep(step: Step): void {
    if (step.kind === 'gathered') this.#sendGathered(step.text, step.shares)
    else {
      this.#see(step.tenantId)
      step.answer.resolve(this.#client.ask(step.statement))
    }
  }

  #sendGathered(text: string, shares: readonly Share[]): void {
    this.#see(everybody)
    const rowsOfAll = shares.map(({ rows }) => rows)
    this.#client.ask(gatheredStatement(`${text} -- of several`, rowsOfAll)).then(
      (found) => {
        const byTenant = Map.groupBy(found.rows, (row) => row['tenant_id'])
        for (const { tenantId, answer } of shares)
          answer.resolve({ ...found, rows: byTenant.get(tenantId) ?? [] })
      },
      (error: unknown) => {
        for (const { answer } of shares) answer.reject(error)
      },
    )
  }

  #see(sight: string): void {
    if (sight === this.#sight) return
    this.#sight = sight
    const seeing = sight === everybody ? tenantsAre(this.#tenants) : tenantIsAlone(sight, this.#role)
    // When it fails, so does whatever stands behind it.
    this.#client.ask(seeing).catch(() => {})
  }
}

const everybody = 'everybody'
