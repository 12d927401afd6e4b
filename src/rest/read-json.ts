import type { IncomingMessage } from 'node:http'
import express, { type RequestHandler } from 'express'
import { Failure } from '../contract/errors.ts'
import { type JsonLimits, requireModestJson } from '../http/json-limits.ts'
import type { Config } from '../platform/config.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true })
const jsonType = /^application\/json(?:\s*;\s*charset="?utf-8"?)?\s*$/i

/**
 * Reads JSON bodies, at most REST_BODY_BYTES before and after unpacking. Whatever is wrong with one is a Failure of
 * its own: the type, the size, the characters, the syntax, the depth and the width. `__proto__` in a body is a member like
 * any other (JSON.parse makes it an own one), and no schema of ours has it.
 */
export function readJson(config: Pick<Config, 'REST_BODY_BYTES'> & JsonLimits): RequestHandler {
  const readBytes = express.raw({ type: hasBody, limit: config.REST_BODY_BYTES, inflate: true })
  return (request, response, next) => {
    if (!hasBody(request)) return next()
    if (!jsonType.test(request.get('content-type') ?? '')) throw new Failure('unsupported_media_type')
    readBytes(request, response, (fault?: unknown) => {
      try {
        if (fault !== undefined) throw fault
        request.body = Buffer.isBuffer(request.body) ? parse(request.body, config) : undefined
      } catch (error) {
        return next(error)
      }
      next()
    })
  }
}

/** A body of no bytes is no body, so that a POST without one needs no Content-Type. */
function hasBody(request: IncomingMessage): boolean {
  const { 'transfer-encoding': transfer, 'content-length': length } = request.headers
  return transfer !== undefined || (length !== undefined && length !== '0')
}

function parse(bytes: Buffer, limits: JsonLimits): unknown {
  if (bytes.length === 0) return undefined
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch (error) {
    throw new Failure('malformed_json', {}, { cause: error })
  }
  requireModestJson(text, limits)
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Failure('malformed_json', {}, { cause: error })
  }
}
