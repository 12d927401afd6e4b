import { readdirSync, readFileSync } from 'node:fs'
import type { ProviderChannel } from '../../src/providers/port.ts'

const directory = new URL('../fixtures/whatsapp/cloud/', import.meta.url)
/** Every recorded delivery. */
export const names = readdirSync(directory).map((name) => name.replace(/\.json$/, ''))
/** The body of one. */
export const fixture = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`${name}.json`, directory), 'utf8'))
/** When they came. */
export const receivedAt = new Date('2026-07-02T20:00:00Z')

interface Value {
  readonly metadata?: { readonly phone_number_id: string; readonly display_phone_number: string }
  readonly phone_number?: string
  readonly [list: string]: unknown
}
/** A body, as far as it is looked at. */
export interface Delivery {
  readonly entry: { id: string; time?: number; changes: { field: string; value: Value }[] }[]
}

/** The channel that the first part of a fixture is for. */
export function channelOf(body: unknown): Pick<ProviderChannel, 'settings'> {
  const entry = (body as Delivery).entry[0]
  const value = entry?.changes?.[0]?.value
  const account = value?.waba_info as { waba_id?: string } | undefined
  return {
    settings: {
      phoneNumberId: value?.metadata?.phone_number_id ?? '106540352242922',
      wabaId: account?.waba_id ?? entry?.id ?? '102290129340398',
      displayPhoneNumber: value?.metadata?.display_phone_number ?? value?.phone_number ?? '+1 555-078-3881',
    },
  }
}
