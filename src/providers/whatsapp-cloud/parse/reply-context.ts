import { field, inner, present, textIn, type Untrusted } from '../../untrusted.ts'

/** What stands beside the content of a message of any type: reply, forward, product enquiry, advertisement (reference 4.3, 4.4). */
export interface Beside {
  readonly payload: Record<string, unknown>
  readonly replyTo?: { readonly providerMessageId: string }
}

/**
 * Some senders write `false` and `{}` instead of leaving a field out; both count as absent. An id that we do not know is no
 * error: it is older than we are, or went through another system. `context.from` is of no use (it can be our phone number id).
 */
export function besideOf(message: Untrusted): Beside {
  const context = inner(message, 'context')
  const repliedId = textIn(context, 'id')
  const product = inner(context, 'referred_product')
  const payload = present({
    forwarded: field(context, 'forwarded') === true ? true : undefined,
    frequentlyForwarded: field(context, 'frequently_forwarded') === true ? true : undefined,
    product: filled({
      catalogId: textIn(product, 'catalog_id'),
      sku: textIn(product, 'product_retailer_id'),
    }),
    referral: referralOf(inner(message, 'referral')),
  })
  return repliedId === undefined ? { payload } : { payload, replyTo: { providerMessageId: repliedId } }
}

function referralOf(referral: Untrusted | undefined): Record<string, unknown> | undefined {
  return filled({
    sourceType: textIn(referral, 'source_type'),
    sourceId: textIn(referral, 'source_id'),
    sourceUrl: textIn(referral, 'source_url'),
    headline: textIn(referral, 'headline'),
    body: textIn(referral, 'body'),
    mediaType: textIn(referral, 'media_type'),
    imageUrl: textIn(referral, 'image_url'),
    videoUrl: textIn(referral, 'video_url'),
    thumbnailUrl: textIn(referral, 'thumbnail_url'),
    clickId: textIn(referral, 'ctwa_clid'),
    welcomeText: textIn(inner(referral, 'welcome_message'), 'text'),
  })
}

function filled(fields: Record<string, string | undefined>): Record<string, unknown> | undefined {
  const known = present(fields)
  return Object.keys(known).length > 0 ? known : undefined
}
