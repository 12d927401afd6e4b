import { type IRouter, type RequestHandler, Router } from 'express'

type Layer = IRouter['stack'][number]

/**
 * Serves routers that stand at one path. Express asks each route in turn whether it is meant, which for a hundred routes costs
 * more than to read a record; so the first word of the path and its length choose those that can be meant at all, in their
 * order. Fails for routers with anything but routes and such routers in them, and for routes whose paths vary in length.
 */
export function byFirstWord(routers: readonly IRouter[]): RequestHandler {
  const layers = routers.flatMap(layersOf)
  const words = new Set(layers.flatMap(({ word }) => word ?? []))
  const lengths = new Set(layers.map(({ length }) => length))
  const chosen = (word: string | null, length: number): RequestHandler => {
    const meant = layers.filter((one) => (one.word === null || one.word === word) && one.length === length)
    // A router without a match goes on in another turn of the event loop.
    if (meant.length === 0) return goOn
    const router = Router()
    router.stack.push(...meant.map(({ layer }) => layer))
    return router
  }
  const byLength = (word: string | null) =>
    new Map([...lengths].map((length) => [length, chosen(word, length)]))
  const routes = new Map([...words].map((word) => [word, byLength(word)]))
  const others = byLength(null)
  return (request, response, next) => {
    const { path } = request
    const end = path.indexOf('/', 1)
    const word = path.slice(1, end === -1 ? undefined : end).toLowerCase()
    const handle = (routes.get(word) ?? others).get(lengthOf(path)) ?? goOn
    handle(request, response, next)
  }
}

const goOn: RequestHandler = (_request, _response, next) => next()

/** Words of a path; a slash at its end begins none. */
function lengthOf(path: string): number {
  let words = 0
  for (let at = 0; at < path.length - 1; at++) if (path.charCodeAt(at) === slash) words++
  return words
}

const slash = 0x2f

/** The routes of a router and of those in it, each with the first word of its path; null when it begins with a `:name`. */
function layersOf(
  router: IRouter,
): { readonly word: string | null; readonly length: number; readonly layer: Layer }[] {
  return router.stack.flatMap((layer) => {
    const { route, handle } = layer
    if (!route) {
      if ('stack' in handle) return layersOf(handle as unknown as IRouter)
      throw new Error('a router has something that is no route')
    }
    const { path } = route
    if (/[*{]/.test(path)) throw new Error(`${path} has no length`)
    const [, word = ''] = path.split('/')
    return [{ word: word.startsWith(':') ? null : word.toLowerCase(), length: lengthOf(path), layer }]
  })
}
