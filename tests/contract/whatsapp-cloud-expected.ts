import type { Identity, InboundItem } from '../../src/providers/inbound.ts'

/** What a fixture must come out as: its items (matched partly, all of them and in order), and what is ignored. */
export interface Expected {
  readonly items: readonly Expectation[]
  readonly ignored?: readonly string[]
}
export type Expectation = Readonly<Record<string, unknown>> & { readonly kind: InboundItem['kind'] }

export const identity = (kind: Identity['kind'], value: string): Identity => ({ kind, value })
export const number = (digits: string): Identity[] => [identity('wa_id', digits), identity('phone', digits)]

const bsuid = 'US.13491208655302741918'
/** The user of Meta's examples. */
export const sheena = { identities: number('16505551234'), name: 'Sheena Nelson' }
export const sheenaWithUserId = {
  identities: [identity('bsuid', bsuid), ...number('16505551234')],
  name: 'Sheena Nelson',
}
/** The same user with the number hidden: known by user id only. */
export const sheenaHidden = {
  identities: [identity('bsuid', bsuid), identity('username', 'realsheenanelson')],
  name: 'Sheena Nelson',
}
/** The user of the SDK's test data: both user ids come from the profile that has the same wa_id. */
export const tester = {
  identities: [
    identity('bsuid', bsuid),
    ...number('972987654321'),
    identity('parent_bsuid', 'US.ENT.11815799212886844830'),
  ],
  name: 'Test Name',
}
export const pablo = { identities: number('16505551234'), name: 'Pablo Morales' }

/** A message that a user just wrote. */
export function live(
  chat: { readonly identities: readonly Identity[]; readonly name?: string },
  type: string,
  text: string | null,
  more: Record<string, unknown> = {},
): Expectation {
  return {
    kind: 'message',
    direction: 'in',
    origin: 'live',
    opensWindow: true,
    chat,
    type,
    text,
    payload: {},
    ...more,
  }
}

export function status(name: string, more: Record<string, unknown> = {}): Expectation {
  return { kind: 'status', status: name, recipient: { identities: number('16505551234') }, ...more }
}
