import { Readable } from 'node:stream'
import { readTenant } from '../../log/read-tenant.ts'
import type {
  MediaFetch,
  MediaStream,
  ProviderAdapter,
  ProviderChannel,
  ProviderIo,
} from '../../providers/port.ts'
import type { AttachmentRow, StoredRef } from './attachment-row.ts'
import type { MediaDeps } from './media-deps.ts'

/**
 * The bytes of an inbound file: those that came with the webhook, as long as we keep the delivery; else from the network.
 * What is asked of the network is the adapter's `ref`, which is ours only in that we kept it.
 */
export async function openSource(
  deps: Pick<MediaDeps, 'db'>,
  tenantId: string,
  row: AttachmentRow,
  network: { adapter: ProviderAdapter; channel: ProviderChannel; io: ProviderIo },
): Promise<MediaFetch> {
  const { inline, ...ref } = row.ref ?? {}
  if (inline !== undefined) {
    const bytes = await readInline(deps, tenantId, inline, network)
    if (bytes !== null) return bytes
  }
  const media = {
    ref,
    mimeType: row.mime_type,
    ...(row.sha256 === null ? {} : { sha256: row.sha256 }),
    ...(row.size_bytes === null ? {} : { sizeBytes: row.size_bytes }),
    ...(row.file_name === null ? {} : { fileName: row.file_name }),
  }
  return network.adapter.fetchMedia(network.channel, media, network.io)
}

/** Null when the delivery is swept already, or does not hold the bytes after all. */
async function readInline(
  deps: Pick<MediaDeps, 'db'>,
  tenantId: string,
  inline: NonNullable<StoredRef['inline']>,
  { adapter, channel }: { adapter: ProviderAdapter; channel: ProviderChannel },
): Promise<MediaStream | null> {
  const [delivery] = await readTenant(deps, tenantId, (query) =>
    query<{ body: Buffer; received_at: string }>(
      'select body, received_at from webhook_inbox where tenant_id = $1 and id = $2',
      [tenantId, inline.inboxId],
    ),
  )
  if (!delivery) return null
  const { items } = adapter.parse(
    channel,
    JSON.parse(delivery.body.toString('utf8')),
    new Date(delivery.received_at),
  )
  const message = items.find(
    (item) => item.kind === 'message' && item.providerMessageId === inline.providerMessageId,
  )
  const base64 = message?.kind === 'message' ? message.media?.inlineBase64 : undefined
  const bytes = Buffer.from(base64 ?? '', 'base64')
  return bytes.length === 0 ? null : { kind: 'stream', body: Readable.from([bytes], { objectMode: false }) }
}
