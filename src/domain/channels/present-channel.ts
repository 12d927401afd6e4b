import type { ChannelView } from '../../contract/channel.ts'
import type { Config } from '../../platform/config.ts'
import type { ChannelStatus } from '../../providers/inbound.ts'
import type { ProviderName } from '../../providers/port.ts'

/** What is shown of a channel: its entity, or a row read with `channelColumns`. */
export interface ChannelRow {
  readonly id: string
  readonly provider: ProviderName
  readonly name: string
  readonly status: ChannelStatus
  readonly stoppedReason?: string | null | undefined
  readonly settings: Record<string, string>
  readonly health: Record<string, unknown>
  readonly webhookKey: string
  readonly createdAt: Date | string
  readonly updatedAt: Date | string
  readonly version: number
}

export const channelColumns = `id, provider, name, status, stopped_reason as "stoppedReason", settings, health, webhook_key as "webhookKey",
  created_at as "createdAt", updated_at as "updatedAt", version`

export type AddressConfig = Pick<Config, 'PUBLIC_URL' | 'HOST' | 'PORT' | 'BASE_PATH'>

/** Facts of health that let their holder pair a device with the number, and so read and write everything. */
const pairingFacts = ['qr', 'pairingCode'] as const
const masked = '********'

/**
 * Channel → wire. The last part of an Evolution address is all that stands between a stranger and a forged
 * delivery, and a pairing code all that stands between a stranger and the number, so only who may manage channels sees
 * them (`showSecrets`); events and everybody else get them masked (ACC7, NEWS4).
 */
export function presentChannel(channel: ChannelRow, config: AddressConfig, showSecrets = false): ChannelView {
  return {
    id: channel.id,
    provider: channel.provider,
    name: channel.name,
    status: channel.status,
    stoppedReason: channel.stoppedReason ?? null,
    settings: channel.settings,
    health: showSecrets ? channel.health : withoutCodes(channel.health),
    webhookUrl: webhookUrlOf(channel.provider, showSecrets ? channel.webhookKey : masked, config),
    createdAt: new Date(channel.createdAt).toISOString(),
    updatedAt: new Date(channel.updatedAt).toISOString(),
    version: channel.version,
  }
}

/** That there is a code may be known: it tells whoever may see it to ask for it. */
function withoutCodes(health: ChannelRow['health']): Record<string, unknown> {
  const shown = { ...health }
  for (const name of pairingFacts) if ((shown[name] ?? null) !== null) shown[name] = masked
  return shown
}

/** Where the network must post. Meta has one address per app, so its numbers are told apart by the body. */
export function webhookUrlOf(provider: ProviderName, key: string, config: AddressConfig): string {
  const place = provider === 'evolution' ? `evolution/${key}` : 'whatsapp'
  return `${publicAddress(config)}/api/webhooks/${place}`
}

/** PUBLIC_URL may be written with BASE_PATH or without. */
function publicAddress({ PUBLIC_URL, HOST, PORT, BASE_PATH }: AddressConfig): string {
  const host = HOST === '0.0.0.0' || HOST === '::' ? 'localhost' : HOST
  const address = PUBLIC_URL?.replace(/(?<!\/)\/+$/, '') ?? `http://${host}:${PORT}`
  return address.endsWith(BASE_PATH) ? address : `${address}${BASE_PATH}`
}
