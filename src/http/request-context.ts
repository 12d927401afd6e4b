import type { Request } from 'express'
import { isIP } from 'node:net'
import type { KeyActor, UserActor } from '../auth/actor.ts'
import type { Entry, TenantFacts } from '../auth/entry.ts'
import type { Operator } from '../auth/operator-keys.ts'
import { Failure } from '../contract/errors.ts'

/** What is known of a request before its handler runs: first its id, after the door also whose it is. */
interface RequestFacts {
  readonly requestId: string
  /** Found out once: for each question Express reads X-Forwarded-For anew. */
  readonly ip: string | undefined
  caller: Caller | undefined
  operator: Operator | undefined
}

/** On the request itself: a WeakMap of all requests would be work for each collection. */
const facts = Symbol('facts')
type Known = Request & { [facts]?: RequestFacts }

export function beginRequest(request: Request, requestId: string): void {
  ;(request as Known)[facts] = { requestId, ip: addressIn(request), caller: undefined, operator: undefined }
}

/** Express asks the listed proxies each time, also where none said anything. */
function addressIn(request: Request): string | undefined {
  if (request.headers['x-forwarded-for'] === undefined) return request.socket.remoteAddress
  const { ip } = request
  // X-Forwarded-For is text that a stranger may have written: what is no address is not one.
  return ip !== undefined && isIP(ip) !== 0 ? ip : undefined
}

export function requestIdOf(request: Request): string {
  return (request as Known)[facts]?.requestId ?? ''
}

/** Notes who was let in. */
export function enter(request: Request, { actor, tenant }: Entry): void {
  const found = (request as Known)[facts]
  if (found) found.caller = { actor, tenant, requestId: found.requestId, ip: found.ip }
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
  const caller = (request as Known)[facts]?.caller
  if (!caller) throw new Failure('unauthorized')
  return caller
}

/** Notes that the installation's operator was let in. */
export function beOperator(request: Request, operator: Operator): void {
  const found = (request as Known)[facts]
  if (found) found.operator = operator
}

/** The operator of a request that passed their door. Fails with `unauthorized` where a route was mounted before it. */
export function operatorOf(request: Request): Operator {
  const operator = (request as Known)[facts]?.operator
  if (!operator) throw new Failure('unauthorized')
  return operator
}

/** The caller's address; see Caller. */
export function addressOf(request: Request): string | undefined {
  return (request as Known)[facts]?.ip
}
