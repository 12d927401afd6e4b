import { readJid } from './jid.ts'
import { field, inner, listOf, textIn, type Untrusted } from '../../untrusted.ts'
import { long, isTrue, isRecord } from './dialect.ts'

/** What a message says about other messages, people and ads. */
export interface Context {
  readonly quotedId?: string
  /** Members for the message's payload: forwarded, frequentlyForwarded, mentions, referral. */
  readonly payload: Readonly<Record<string, unknown>>
}

/** WhatsApp shows "forwarded many times" from this count on. */
const manyForwards = 5

/**
 * Reads contextInfo from both places it can be in: beside the message (where 2.2 to 2.3 put it) and in the content
 * (always right for media; 2.4 has something else beside the message). Each fact comes from the first place that has it.
 */
export function readContext(data: Untrusted, message: Untrusted): Context {
  const places: Untrusted[] = []
  for (const place of [
    field(data, 'contextInfo'),
    ...Object.values(message).map(contextOf),
    field(message, 'contextInfo'),
  ]) {
    if (isRecord(place)) places.push(place)
  }
  const where = (key: string) =>
    places.find((place) => field(place, key) !== undefined && field(place, key) !== null)
  const quotedId = textIn(where('stanzaId'), 'stanzaId')
  const forwards = long(field(where('forwardingScore'), 'forwardingScore')) ?? 0
  const mentions = listOf(field(places.find(mentionsSomebody), 'mentionedJid'))
    .map(mention)
    .filter((m) => m !== undefined)
  const referral = readReferral(places)
  return {
    ...(quotedId === undefined ? {} : { quotedId }),
    payload: {
      ...(forwards > 0 || isTrue(where('isForwarded'), 'isForwarded') ? { forwarded: true } : {}),
      ...(forwards >= manyForwards ? { frequentlyForwarded: true } : {}),
      ...(mentions.length > 0 ? { mentions } : {}),
      ...(referral === undefined ? {} : { referral }),
    },
  }
}

function contextOf(part: unknown): unknown {
  return isRecord(part) ? field(part, 'contextInfo') : undefined
}

function mentionsSomebody(place: Untrusted): boolean {
  return listOf(field(place, 'mentionedJid')).length > 0
}

/** Digits of a phone number; a hidden id keeps its "@lid", so that nobody takes it for a number. */
function mention(value: unknown): string | undefined {
  const jid = readJid(value)
  if (jid?.kind === 'pn') return jid.user
  return jid?.kind === 'lid' ? `${jid.user}@lid` : undefined
}

const adMedia = new Map<unknown, string>([
  [1, 'image'],
  ['IMAGE', 'image'],
  [2, 'video'],
  ['VIDEO', 'video'],
])

/** The click-to-WhatsApp ad that started the chat; undefined for ordinary link cards, which use the same object. */
function readReferral(places: readonly Untrusted[]): Record<string, unknown> | undefined {
  const isAd = places.some((place) => textIn(place, 'entryPointConversionSource') === 'ctwa_ad')
  const card = places.map((place) => inner(place, 'externalAdReply')).find((reply) => reply !== undefined)
  const fields: Record<string, unknown> = {
    sourceType: textIn(card, 'sourceType') ?? (isAd ? 'ad' : undefined),
    sourceId: textIn(card, 'sourceId'),
    sourceUrl: textIn(card, 'sourceUrl'),
    headline: textIn(card, 'title'),
    body: textIn(card, 'body'),
    mediaType: adMedia.get(field(card, 'mediaType')),
    videoUrl: textIn(card, 'mediaUrl'),
    thumbnailUrl: textIn(card, 'thumbnailUrl'),
    clickId: textIn(card, 'ctwaClid'),
    welcomeText: textIn(card, 'greetingMessageBody'),
  }
  if (!isAd && fields.sourceId === undefined && fields.clickId === undefined) return undefined
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}
