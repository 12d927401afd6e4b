import { type IRouter, type RequestHandler, Router } from 'express'

type Layer = IRouter['stack'][number]

/**
 * Serves routers that stand at one path. Express asks each route in turn whether it is meant, which for a hundred routes costs
 * more than to read a record; so the first word of the path chooses those that can be meant at all, in their order.
 * Fails for routers with anything but routes and such routers in them.
 */
export function byFirstWord(routers: readonly IRouter[]): RequestHandler {
  const layers = routers.flatMap(layersOf)
  const words = new Set(layers.flatMap(({ word }) => word ?? []))
  const chosen = (word: string | null) => {
    const router = Router()
    router.stack.push(
      ...layers.filter((one) => one.word === null || one.word === word).map(({ layer }) => layer),
    )
    return router
  }
  const routes = new Map([...words].map((word) => [word, chosen(word)]))
  const others = chosen(null)
  return (request, response, next) => {
    const { path } = request
    const end = path.indexOf('/', 1)
    const word = path.slice(1, end === -1 ? undefined : end).toLowerCase()
    ;(routes.get(word) ?? others)(request, response, next)
  }
}

/** The routes of a router and of those in it, each with the first word of its path; null when it begins with a `:name`. */
function layersOf(router: IRouter): { readonly word: string | null; readonly layer: Layer }[] {
  return router.stack.flatMap((layer) => {
    const { route, handle } = layer
    if (!route) {
      if ('stack' in handle) return layersOf(handle as unknown as IRouter)
      throw new Error('a router has something that is no route')
    }
    const [, word = ''] = route.path.split('/')
    return [{ word: word.startsWith(':') ? null : word.toLowerCase(), layer }]
  })
}
