import { type HttpCall, httpCall } from '../http-call.ts'
import type { ProviderError } from '../inbound.ts'
import type { ProviderChannel, ProviderIo } from '../port.ts'
import { withoutLongStrings } from './json-strings.ts'

/** Where a channel's instance lives and the key to it. */
export interface EvolutionServer {
  readonly baseUrl: string
  readonly instance: string
  readonly apiKey: string
}

export type ServerIo = Pick<ProviderIo, 'fetch' | 'timeoutMs' | 'evolutionApiUrl' | 'evolutionApiKey'>

/**
 * The server of a channel: its own or, when it names none, the installation's. The installation's key goes to the
 * installation's server only: an address that a tenant typed in must never receive it.
 */
export function serverOf(channel: ProviderChannel, io: ServerIo): EvolutionServer | ProviderError {
  const instance = channel.settings.instanceName ?? ''
  const address = baseOf(channel.settings.baseUrl ?? io.evolutionApiUrl)
  const isOurs = address !== undefined && address === baseOf(io.evolutionApiUrl)
  const apiKey = channel.secrets.apiKey ?? (isOurs ? io.evolutionApiKey : undefined)
  if (instance === '' || instance === '.' || instance === '..')
    return missing('the channel names no instance')
  if (address === undefined)
    return missing('the channel names no Evolution server, and there is no default one')
  if (apiKey === undefined || apiKey === '') return missing('there is no API key for this Evolution server')
  return { baseUrl: address, instance, apiKey }
}

/** Whether `serverOf` found one. */
export function isServer(found: EvolutionServer | ProviderError): found is EvolutionServer {
  return 'baseUrl' in found
}

function missing(detail: string): ProviderError {
  return { code: 'channel_down', title: 'The channel is not set up', detail, retryable: false }
}

function baseOf(address: string | undefined): string | undefined {
  const url = address === undefined ? null : URL.parse(address)
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return undefined
  return `${url.origin}${url.pathname}`.replace(/(?<!\/)\/+$/, '')
}

/** Address of an action of the instance: `/message/sendText/atendimento-01`. */
export function actionUrl(server: EvolutionServer, action: string): string {
  return `${server.baseUrl}/${action}/${encodeURIComponent(server.instance)}`
}

/** `init` with the key of the instance. */
export function signed(server: EvolutionServer, init: RequestInit): RequestInit {
  const type = init.body === undefined ? {} : { 'content-type': 'application/json' }
  return { ...init, headers: { accept: 'application/json', ...type, apikey: server.apiKey } }
}

/**
 * One call of the server. Its answers repeat what was sent, media as base64 included when its webhook setting says so,
 * so long strings are emptied while the answer streams in.
 */
export function callServer(
  io: ServerIo,
  server: EvolutionServer,
  url: string,
  init: RequestInit,
): Promise<HttpCall> {
  const fetchShortened: typeof fetch = async (input, options) => {
    const response = await io.fetch(input, options)
    if (response.body === null) return response
    const { status, headers } = response
    return new Response(withoutLongStrings(response.body), { status, headers })
  }
  return httpCall({ fetch: fetchShortened, timeoutMs: io.timeoutMs }, url, signed(server, init))
}

/** POST of a JSON body to an action of the instance. */
export function post(
  io: ServerIo,
  server: EvolutionServer,
  action: string,
  body: unknown,
): Promise<HttpCall> {
  return callServer(io, server, actionUrl(server, action), { method: 'POST', body: JSON.stringify(body) })
}
