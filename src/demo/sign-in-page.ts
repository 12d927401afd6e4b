import { readFileSync } from 'node:fs'
import type { Pages } from '../rest/server.ts'

const files = [
  ['', 'index.html', 'text/html; charset=utf-8'],
  ['/page.css', 'page.css', 'text/css; charset=utf-8'],
  ['/page.mjs', 'page.mjs', 'text/javascript; charset=utf-8'],
  ['/desk.mjs', 'desk.mjs', 'text/javascript; charset=utf-8'],
] as const

const headers = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

/**
 * The page behind the sign-in links of the demo, at BASE_PATH/demo: it asks what somebody asks for with GET, and shows live what
 * happens. The same for everybody; who it is for stands behind the # of the link, and browsers keep that to themselves.
 */
export function signInPage(basePath: string): Pages {
  const pages = new Map(
    files.map(([path, file, type]) => [
      `${basePath}/demo${path}`,
      { type, text: readFileSync(new URL(`page/${file}`, import.meta.url), 'utf8') },
    ]),
  )
  return (request, response) => {
    const page = pages.get((request.url ?? '').replace(/\?.*$/, ''))
    if (!page || (request.method !== 'GET' && request.method !== 'HEAD')) return false
    response.writeHead(200, { ...headers, 'content-type': page.type })
    response.end(request.method === 'HEAD' ? undefined : page.text)
    return true
  }
}

/** A link that signs somebody in when it is opened in a browser. */
export const signInLink = (hubUrl: string, token: string): string => `${hubUrl}/demo#token=${token}`
