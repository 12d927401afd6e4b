import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { startHub } from '../harness/hub.ts'
import { startRestOf } from '../harness/rest-client.ts'

/** Sends these bytes and then nothing; everything that comes back until the server hangs up. */
async function sentAndLeft(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.setEncoding('latin1')
  socket.write(bytes)
  let answer = ''
  for await (const chunk of socket) answer += chunk
  return answer
}

test('[REST8] a request that does not arrive within REST_REQUEST_MS is given up, one that does is answered', async () => {
  await using hub = await startHub({ REST_REQUEST_MS: '1000' })
  const rest = await startRestOf(hub)
  const port = Number(new URL(rest.origin).port)
  const head = 'POST /api/webhooks/whatsapp HTTP/1.1\r\nHost: here\r\n'
  const startedAt = performance.now()
  const [headless, bodyless] = await Promise.all([
    sentAndLeft(port, head),
    sentAndLeft(port, `${head}Content-Length: 100\r\n\r\n{"half":`),
  ])
  expect(headless).toMatch(/^HTTP\/1\.1 408 /)
  expect(bodyless).not.toContain(' 200 ')
  expect(performance.now() - startedAt).toBeGreaterThan(900)
  expect(performance.now() - startedAt).toBeLessThan(10_000)
  expect(await sentAndLeft(port, 'GET /health HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n')).toMatch(
    /^HTTP\/1\.1 200 /,
  )
})
