import type { Request } from 'express'
import { isIP } from 'node:net'
import type { KeyActor, UserActor } from '../auth/actor.ts'
import type { Entry, TenantFacts } from '../auth/entry.ts'
import { Failure } from '../contract/errors.ts'

/** What is known of a request before its handler runs: first its id, after the door also whose it is. */
interface RequestFacts {
  readonly requestId: string
  entry?: Entry
}

const known = new WeakMap<Request, RequestFacts>()

export function beginRequest(request: Request, requestId: string): void {
  known.set(request, { requestId })
}

export function requestIdOf(request: Request): string {
  return known.get(request)?.requestId ?? ''
}

/** Notes who was let in. */
export function enter(request: Request, entry: Entry): void {
  const facts = known.get(request)
  if (facts) facts.entry = entry
}

/** Who is behind this request. Use cases take it as it is for the audit trail (`by: ctx`). */
export interface Caller {
  readonly actor: UserActor | KeyActor
  readonly tenant: TenantFacts
  readonly requestId: string
  /** The caller's address, as far as the listed proxies can be believed; undefined when the line is gone already. */
  readonly ip: string | undefined
}

/** The caller of a request that passed the door. Fails with `unauthorized` where a route was mounted before it. */
export function callerOf(request: Request): Caller {
  const facts = known.get(request)
  if (!facts?.entry) throw new Failure('unauthorized')
  return {
    actor: facts.entry.actor,
    tenant: facts.entry.tenant,
    requestId: facts.requestId,
    ip: addressOf(request),
  }
}

/** X-Forwarded-For is text that a stranger may have written: what is no address is not one. */
export function addressOf(request: Request): string | undefined {
  const address = request.ip
  return address !== undefined && isIP(address) !== 0 ? address : undefined
}
