import type { IRouter, RequestHandler } from 'express'
import { type Declaration, declarationOf } from '../http/declaration.ts'
import type { Mount } from './nothing-there.ts'

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete'

/** One method of one path, as it is served. */
export interface Operation extends Declaration {
  readonly method: Method
  /** Without BASE_PATH, members in braces: `/admin/customers/{id}`. */
  readonly path: string
  /** What it belongs to: the first word of its path that says something, such as `customers`. */
  readonly tag: string
}

/**
 * Every operation that the routers serve, in the order of their paths. The routers themselves are asked, so that none can be
 * forgotten: fails when one says nothing of itself (docs/rest.md). Of two at the same place only the first is reached.
 */
export function operationsOf(mounts: readonly Mount[], base: string): readonly Operation[] {
  const found = new Map<string, Operation>()
  const silent: string[] = []
  for (const { at, router } of mounts)
    for (const { method, path: inRouter, handlers } of routesOf(router)) {
      const path = `${at.slice(base.length)}${inRouter}`.replaceAll(/:(\w+)/g, '{$1}')
      const place = `${method} ${path}`
      const declaration = handlers.map(declarationOf).find((one) => one !== undefined)
      if (declaration === undefined) silent.push(place)
      else if (!found.has(place)) found.set(place, { ...declaration, method, path, tag: tagOf(path) })
    }
  if (silent.length > 0)
    throw new Error(`routes that do not say what they do and answer (see docs/rest.md): ${silent.join(', ')}`)
  return [...found.values()].sort((one, other) => byText(one.path, other.path) || rank(one) - rank(other))
}

interface Served {
  readonly method: Method
  readonly path: string
  readonly handlers: readonly RequestHandler[]
}

/** Routers in routers too: those stand at the same path. */
function routesOf(router: IRouter): Served[] {
  return router.stack.flatMap(({ route, handle }): Served[] => {
    if (!route) return 'stack' in handle ? routesOf(handle as unknown as IRouter) : []
    const methods = [...new Set(route.stack.map((layer) => layer.method as Method))]
    return methods.map((method) => ({
      method,
      path: route.path,
      handlers: route.stack
        .filter((layer) => layer.method === method)
        .map((layer) => layer.handle as RequestHandler),
    }))
  })
}

function tagOf(path: string): string {
  const words = path.split('/').filter((word) => word !== '' && !word.startsWith('{'))
  return words.find((word) => !['api', 'v1', 'admin'].includes(word)) ?? words.at(-1) ?? 'root'
}

const methods: readonly Method[] = ['get', 'post', 'put', 'patch', 'delete']
const rank = ({ method }: Operation): number => methods.indexOf(method)
const byText = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0)
