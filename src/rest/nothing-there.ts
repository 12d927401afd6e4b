import type { IRouter, RequestHandler } from 'express'
import { Failure } from '../contract/errors.ts'

export interface Mount {
  readonly at: string
  readonly router: IRouter
}

/**
 * What comes after the last route: 405 with the methods that the path takes when it takes some, else 404. The routers
 * themselves are asked, so no route has to say it.
 */
export function nothingThere(mounts: readonly Mount[]): RequestHandler {
  return (request, _response, next) => {
    const allow = mounts.flatMap((mount) => methodsAt(mount, request.path))
    next(
      allow.length > 0
        ? new Failure('method_not_allowed', { allow: [...new Set(allow)].sort() })
        : new Failure('not_found'),
    )
  }
}

function methodsAt({ at, router }: Mount, path: string): string[] {
  if (path !== at && !path.startsWith(`${at}/`)) return []
  return methodsOf(router, segmentsOf(path.slice(at.length)))
}

/** Routers in routers too: those stand at the same path. */
function methodsOf(router: IRouter, segments: readonly string[]): string[] {
  return router.stack.flatMap(({ route, handle }) => {
    if (!route) return 'stack' in handle ? methodsOf(handle as unknown as IRouter, segments) : []
    if (!fits(segmentsOf(route.path), segments)) return []
    const methods = route.stack.map((layer) => layer.method.toUpperCase())
    return methods.includes('GET') ? [...methods, 'HEAD'] : methods
  })
}

const segmentsOf = (path: string): string[] => path.replace(/\/$/, '').split('/').slice(1)

/** Our patterns are plain words and `:names`, one per segment. */
function fits(pattern: readonly string[], segments: readonly string[]): boolean {
  return (
    pattern.length === segments.length &&
    pattern.every(
      (part, place) => part.startsWith(':') || part.toLowerCase() === segments[place]?.toLowerCase(),
    )
  )
}
