import type { IncomingMessage } from 'node:http'
import { field, inner, recordOf, textIn } from '../providers/untrusted.ts'
import { acceptMessage } from './accept-message.ts'
import { badToken, GraphRefusal, invalidParameter, noSuchObject, tooFast } from './graph-refusal.ts'
import type { MediaFiles } from './media-files.ts'
import type { PhoneNumber } from './phone-number.ts'
import type { SentMessage } from './sent-message.ts'
import { templates } from './templates.ts'
import type { TokenBucket } from './token-bucket.ts'

export interface GraphParts {
  readonly number: PhoneNumber
  readonly media: MediaFiles
  readonly bucket: TokenBucket
  readonly onSent: (message: SentMessage) => void
}

/** One call, read whole. */
export interface GraphCall {
  readonly method: string
  readonly url: URL
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

/** JSON, or the bytes of a file. */
export type GraphAnswer =
  | { readonly json: Record<string, unknown> }
  | { readonly bytes: Buffer; readonly mimeType: string }

/** Plays the part of the Graph API that a hub uses; fails with a GraphRefusal as Meta does. */
export async function answerGraph(parts: GraphParts, call: GraphCall): Promise<GraphAnswer> {
  const { number, media } = parts
  if (call.headers.authorization !== `Bearer ${number.accessToken}`) throw badToken()
  const { method, url } = call
  if (url.pathname.startsWith('/whatsapp_business/')) return download(media, url)
  const [version, id = '', edge] = url.pathname.split('/').slice(1)
  if (!/^v\d+\.\d+$/.test(version ?? '')) throw noSuchObject(method, version ?? '')
  const action = `${method} ${kindOf(parts, id)}${edge === undefined ? '' : `/${edge}`}`
  switch (action) {
    case 'POST number/messages':
      return { json: postMessage(parts, jsonOf(call.body)) }
    case 'POST number/media':
      return { json: { id: media.add(await uploadIn(call)).id } }
    case 'GET number':
      return { json: facts(number) }
    case 'GET account/phone_numbers':
      return { json: { data: [facts(number)] } }
    case 'GET account/message_templates':
      return { json: { data: templates, paging: { cursors: { before: 'MAZDZD', after: 'MAZDZD' } } } }
    case 'GET media':
      return { json: media.lookUp(id, url.origin) }
    case 'DELETE media':
      media.remove(id)
      return { json: { success: true } }
    default:
      throw noSuchObject(method, id)
  }
}

function kindOf({ number, media }: GraphParts, id: string): 'number' | 'account' | 'media' | 'nothing' {
  if (id === number.phoneNumberId) return 'number'
  if (id === number.wabaId) return 'account'
  return media.has(id) ? 'media' : 'nothing'
}

function facts(number: PhoneNumber): Record<string, unknown> {
  return {
    id: number.phoneNumberId,
    display_phone_number: number.displayPhoneNumber,
    verified_name: 'Switchboard simulator',
    quality_rating: 'GREEN',
    code_verification_status: 'VERIFIED',
    name_status: 'APPROVED',
    status: 'CONNECTED',
    throughput: { level: 'STANDARD' },
    platform_type: 'CLOUD_API',
    whatsapp_business_manager_messaging_limit: 'TIER_2K',
  }
}

/** A message to send, or a receipt for one of the customers' messages. */
function postMessage(parts: GraphParts, body: Record<string, unknown>): Record<string, unknown> {
  if (field(body, 'status') === 'read') {
    // Ids of an earlier run are as good as ours: Meta remembers for 30 days, we only as long as we live.
    if (!textIn(body, 'message_id')?.startsWith('wamid.'))
      throw new GraphRefusal(400, 131009, '(#131009) Parameter value is not valid', {
        details: 'message_id does not exist',
      })
    return { success: true }
  }
  const message = acceptMessage(parts.number, parts.media, body)
  if (!parts.bucket.take()) throw tooFast()
  parts.onSent(message)
  return {
    messaging_product: 'whatsapp',
    contacts: [{ input: textIn(body, 'to'), wa_id: message.to }],
    messages: [
      { id: message.wamid, ...(inner(body, 'template') !== undefined && { message_status: 'accepted' }) },
    ],
  }
}

function jsonOf(body: Buffer): Record<string, unknown> {
  let parsed: unknown
  try {
    parsed = JSON.parse(body.toString('utf8'))
  } catch {
    parsed = undefined
  }
  const record = recordOf(parsed)
  if (record === undefined) throw invalidParameter('The request body is no JSON object.')
  return record
}

async function uploadIn({ body, headers }: GraphCall): Promise<{ bytes: Buffer; mimeType: string }> {
  const type = headers['content-type'] ?? ''
  let form: FormData
  try {
    form = await new Response(new Uint8Array(body), { headers: { 'content-type': type } }).formData()
  } catch {
    throw invalidParameter('The request body is no form.')
  }
  const file = form.get('file')
  if (form.get('messaging_product') !== 'whatsapp')
    throw invalidParameter('The parameter messaging_product is required.')
  if (file === null || typeof file === 'string') throw invalidParameter('The parameter file is required.')
  if (file.type === '')
    throw new GraphRefusal(400, 131053, '(#131053) Media upload error', { details: 'The file has no type.' })
  return { bytes: Buffer.from(await file.arrayBuffer()), mimeType: file.type }
}

/** Addresses that have run out are answered 404; a new lookup gives a fresh one. */
function download(media: MediaFiles, url: URL): GraphAnswer {
  const file = media.behind(url.searchParams.get('hash') ?? '')
  if (file === undefined) throw new GraphRefusal(404, 100, 'The address has run out')
  return file
}
