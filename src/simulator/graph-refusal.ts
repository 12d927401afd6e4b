import { randomBytes } from 'node:crypto'

/** A call that Meta refuses, with the HTTP status and code of its tables (reference 14.2). */
export class GraphRefusal extends Error {
  override readonly name = 'GraphRefusal'
  readonly status: number
  readonly code: number
  readonly subcode: number | undefined
  readonly details: string | undefined

  constructor(
    status: number,
    code: number,
    message: string,
    more: { details?: string; subcode?: number } = {},
  ) {
    super(message)
    this.status = status
    this.code = code
    this.subcode = more.subcode
    this.details = more.details
  }

  body(): Record<string, unknown> {
    return {
      error: {
        message: this.message,
        type: this.subcode === 33 ? 'GraphMethodException' : 'OAuthException',
        code: this.code,
        ...(this.details !== undefined && {
          error_data: { messaging_product: 'whatsapp', details: this.details },
        }),
        ...(this.subcode !== undefined && { error_subcode: this.subcode }),
        fbtrace_id: randomBytes(8).toString('base64url'),
      },
    }
  }
}

export const badToken = (): GraphRefusal =>
  new GraphRefusal(401, 190, 'Invalid OAuth access token - Cannot parse access token')

export function noSuchObject(method: string, id: string): GraphRefusal {
  const call = method === 'GET' ? 'get' : method === 'DELETE' ? 'delete' : 'post'
  return new GraphRefusal(
    400,
    100,
    `Unsupported ${call} request. Object with ID '${id}' does not exist, cannot be loaded due to missing permissions, or does not support this operation.`,
    { subcode: 33 },
  )
}

export const invalidParameter = (message: string): GraphRefusal =>
  new GraphRefusal(400, 100, `(#100) ${message}`)

export const tooFast = (): GraphRefusal =>
  new GraphRefusal(400, 130429, '(#130429) Rate limit hit', {
    details: 'Cloud API message throughput has been reached.',
    subcode: 2494055,
  })
