import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, request as httpRequest } from 'node:http'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { type Running, startPart } from '../harness/processes.ts'
import { startIntake, textTo } from './intake-hub.ts'

/** What a REST process may take for five bodies of 5 MB, or five bombs, that come at once. */
const mostGrowthMb = 50
/** And for forty bombs: by default it may hold as much of webhooks (WEBHOOK_WAITING_BYTES). */
const mostGrowthOfManyMb = 128

const memoryOf = ({ pid }: Running, field: 'VmRSS' | 'VmHWM'): number =>
  Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
const resetPeak = ({ pid }: Running): void => writeFileSync(`/proc/${pid}/clear_refs`, '5')

type Headers = Readonly<Record<string, string | number>>

async function post(rest: Running, body: Buffer, headers: Headers): Promise<number> {
  const request = httpRequest({
    host: '127.0.0.1',
    port: rest.port,
    path: '/api/webhooks/whatsapp',
    method: 'POST',
    agent: false,
    headers: { 'x-hub-signature-256': `sha256=${'0'.repeat(64)}`, ...headers },
  })
  request.on('error', () => {})
  const answered = once(request, 'response') as Promise<[IncomingMessage]>
  request.end(body)
  const [response] = await answered
  response.resume()
  await once(response, 'end')
  return response.statusCode ?? 0
}
const several = (times: number, rest: Running, body: Buffer, headers: Headers) =>
  Promise.all(Array.from({ length: times }, () => post(rest, body, headers)))

const fiveMb = Buffer.alloc(5_000_000, ' ')
const bomb = gzipSync(Buffer.alloc(512 * 1024 * 1024))
const packed = { 'content-encoding': 'gzip' }

/** A REST process that has served small webhooks for a while. */
async function startWarm(intake: Awaited<ReturnType<typeof startIntake>>): Promise<Running> {
  const number = await intake.addNumber()
  const rest = await startPart(intake.hub, 'rest')
  for (let round = 0; round < 20; round++) {
    const statuses = await several(50, rest, Buffer.from(textTo(number)), {})
    expect(new Set(statuses)).toEqual(new Set([401]))
  }
  return rest
}

/** The statuses, and by how much the process was larger at its largest, in MB. */
async function growth(rest: Running, times: number, body: Buffer, headers: Headers) {
  const before = memoryOf(rest, 'VmRSS')
  resetPeak(rest)
  const statuses = await several(times, rest, body, headers)
  return { statuses: [...new Set(statuses)], growthMb: memoryOf(rest, 'VmHWM') - before }
}

test.each([
  ['bodies that say their length', fiveMb, { 'content-length': fiveMb.length }],
  ['bodies that do not say it', fiveMb, { 'transfer-encoding': 'chunked' }],
  ['gzip bombs', bomb, packed],
] as const)(
  '[HOOK7] [D4] S25 a process takes at most 50 MB for five at once, which are refused: %s',
  async (_, body, headers) => {
    await using intake = await startIntake()
    const rest = await startWarm(intake)
    const { statuses, growthMb } = await growth(rest, 5, body, headers)
    expect(statuses).toEqual([413])
    expect(growthMb).toBeLessThan(mostGrowthMb)
  },
  60_000,
)

test('[HOOK7] [D4] S25 forty bombs at once are unpacked in turn, and each is refused for what it is', async () => {
  await using intake = await startIntake()
  const rest = await startWarm(intake)
  const { statuses, growthMb } = await growth(rest, 40, bomb, packed)
  expect(statuses).toEqual([413])
  expect(growthMb).toBeLessThan(mostGrowthOfManyMb)
}, 60_000)
