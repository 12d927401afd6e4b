import type { IncomingMessage, ServerResponse } from 'node:http'
import cors from 'cors'
import type { RequestHandler } from 'express'
import helmet from 'helmet'
import { beginRequest, requestIdOf } from '../http/request-context.ts'
import type { Config } from '../platform/config.ts'
import { uuidv7 } from '../platform/uuid.ts'

const requestIdShape = /^[\w-]{8,64}$/
const preflightSeconds = 600

/** Gives every request an id: the one that a proxy gave it, if it looks like one, else ours. It is in every error and log line. */
export const requestId: RequestHandler = (request, response, next) => {
  const given = request.get('x-request-id')
  beginRequest(request, given !== undefined && requestIdShape.test(given) ? given : uuidv7())
  response.setHeader('x-request-id', requestIdOf(request))
  next()
}

/**
 * Headers that tell browsers to trust an answer with nothing: no script but ours and none in line, no frame, no guessing
 * of types, no opener. What we answer is somebody's data, so nothing is kept by caches.
 */
export function securityHeaders(): RequestHandler {
  const headers = writtenBy(
    helmet({
      contentSecurityPolicy: {
        useDefaults: false,
        directives: {
          defaultSrc: ["'self'"],
          scriptSrc: ["'self'"],
          styleSrc: ["'self'"],
          imgSrc: ["'self'", 'data:', 'blob:', 'https:', 'http:'],
          mediaSrc: ["'self'", 'blob:', 'https:', 'http:'],
          connectSrc: ["'self'", 'ws:', 'wss:', 'https:', 'http:'],
          objectSrc: ["'none'"],
          baseUri: ["'none'"],
          formAction: ["'self'"],
          frameAncestors: ["'none'"],
        },
      },
      crossOriginResourcePolicy: { policy: 'same-site' },
      xPoweredBy: true,
    }),
  )
  headers.set('cache-control', 'no-store')
  return (_request, response, next) => {
    for (const [name, value] of headers) response.setHeader(name, value)
    next()
  }
}

/** What a handler sets whatever the request is, found out once: fifteen small functions per request are ten microseconds. */
function writtenBy(handler: ReturnType<typeof helmet>): Map<string, string> {
  const headers = new Map<string, string>()
  const response = {
    setHeader: (name: string, value: string) => headers.set(name.toLowerCase(), value),
    removeHeader: (name: string) => headers.delete(name.toLowerCase()),
  }
  handler({} as IncomingMessage, response as unknown as ServerResponse, (error?: unknown) => {
    if (error !== undefined) throw error
  })
  return headers
}

/** Browsers of the listed origins, exactly as listed, may call us and read what we answer; others get no permission. */
export function crossOrigin(config: Pick<Config, 'CORS_ALLOWED_ORIGINS'>): RequestHandler {
  const answer = cors({
    origin: config.CORS_ALLOWED_ORIGINS,
    credentials: true,
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    allowedHeaders: ['authorization', 'content-type', 'idempotency-key', 'if-match', 'x-request-id'],
    exposedHeaders: [
      'etag',
      'location',
      'retry-after',
      'x-request-id',
      'idempotency-replayed',
      'ratelimit',
      'ratelimit-policy',
      'allow',
    ],
    maxAge: preflightSeconds,
  })
  return (request, response, next) => {
    if (request.headers.origin !== undefined || request.method === 'OPTIONS')
      return answer(request, response, next)
    response.setHeader('vary', 'Origin')
    next()
  }
}
