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
  response.set('x-request-id', requestIdOf(request))
  next()
}

/**
 * Headers that tell browsers to trust an answer with nothing: no script but ours and none in line, no frame, no guessing
 * of types, no opener. What we answer is somebody's data, so nothing is kept by caches.
 */
export function securityHeaders(): RequestHandler[] {
  return [
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
    (_request, response, next) => {
      response.set('cache-control', 'no-store')
      next()
    },
  ]
}

/** Browsers of the listed origins, exactly as listed, may call us and read what we answer; others get no permission. */
export function crossOrigin(config: Pick<Config, 'CORS_ALLOWED_ORIGINS'>): RequestHandler {
  return cors({
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
}
