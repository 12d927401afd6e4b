import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { mostCustomers } from '../simulator/customers.ts'
import type { PhoneNumber } from '../simulator/phone-number.ts'
import { type Simulator, type SimulatorOptions, startSimulator } from '../simulator/simulator.ts'
import { verb } from './command.ts'
import { exitCodes } from './exit-codes.ts'
import { Refusal, ServerAway, UsageError } from './failure.ts'
import { count, flag, option } from './options.ts'

const standardTarget = 'http://127.0.0.1:4000'
const standardPort = 4100
const mostPerSecond = 1000

/** The number of a simulator that runs alone. Its secrets protect nothing: everybody in it is made up. */
const number = {
  phoneNumberId: '100000000000556',
  wabaId: '100000000000778',
  displayPhoneNumber: '+1 555 010 0101',
  accessToken: 'simulator-access-token',
  appSecret: 'simulator-app-secret',
  verifyToken: 'simulator-verify-token',
}

export const simulate = verb({
  summary: 'Play WhatsApp: customers who write, statuses, and the Graph API for what the hub sends.',
  options: {
    customers: option('N', 'How many people write; 10 when not said.', count(1, mostCustomers)),
    rate: option(
      'R',
      'Things that they do in a second, all together; 0.5 when not said.',
      positive(mostPerSecond),
    ),
    seed: option('S', 'The same seed tells the same story; random when not said.', count(0, 2 ** 31 - 1)),
    target: option('URL', `The hub, with BASE_PATH; ${standardTarget} when not said.`, address),
    token: option('TOKEN', "An admin's: connects the number at the hub when it is not yet there."),
    port: option('PORT', `Where the Graph API listens; ${standardPort} when not said.`, count(0, 65_535)),
    haste: option('H', 'Read, think and type H times as fast as people.', positive(1000)),
    'send-rate': option(
      'N',
      'Refuse more than N sends in a second, as Meta does from 80 on.',
      count(1, 100_000),
    ),
    faults: flag('Deliver webhooks twice, late and in another order.'),
  },
  notes: `The hub must look for WhatsApp here, so start it like this:
  GRAPH_API_URL=http://127.0.0.1:${standardPort}/v23.0 MEDIA_HOSTS=127.0.0.1:${standardPort} npm start
and then, in another terminal:
  npx switchboard simulate --token "$(npx switchboard token --role admin)"
Webhooks that the hub does not take are posted again until it does. It runs until Ctrl-C. npm run demo has a simulator of its own.`,
  run: async ({ options, out, stopped }) => {
    const seed = options.seed ?? randomInt(2 ** 31)
    const rate = options.rate ?? 0.5
    const customers = options.customers ?? 10
    const target = options.target ?? standardTarget
    const simulator = await open({
      port: options.port ?? standardPort,
      seed,
      faults: options.faults,
      ...(options.haste !== undefined && { haste: options.haste }),
      ...(options['send-rate'] !== undefined && { sendsPerSecond: options['send-rate'] }),
      log: (line) => out.note(line),
    })
    try {
      out.note(
        `WhatsApp is at ${simulator.graphApiUrl}: ${customers} customers, ${rate} acts a second, seed ${seed}`,
      )
      const own: PhoneNumber = { ...number, webhookUrl: `${target}/api/webhooks/whatsapp` }
      const line = simulator.connect(own, customers)
      stopped.addEventListener('abort', () => simulator.hush(), { once: true })
      if (options.token !== undefined) out.note(await connect(target, options.token, stopped))
      const known = await line.subscribe()
      if (!known && !stopped.aborted)
        throw new Refusal(
          `the hub at ${target} has no channel with this number; give --token, or connect it: POST /api/v1/channels ${JSON.stringify(request())}`,
        )
      if (known) line.crowd.begin(rate)
      if (!stopped.aborted) await once(stopped, 'abort')
      const { accepted, waiting } = line.outbox
      out.answer({ seed, accepted, waiting }, () =>
        out.line(`the hub took ${accepted} webhooks; ${waiting} were still on their way (seed ${seed})`),
      )
      return exitCodes.ok
    } finally {
      await simulator.close()
    }
  },
})

async function open(options: SimulatorOptions): Promise<Simulator> {
  try {
    return await startSimulator(options)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new Refusal(
      `cannot listen on 127.0.0.1:${options.port} (${code ?? message}); --port names another port`,
    )
  }
}

const request = () => ({ provider: 'whatsapp-cloud', name: 'Simulator', ...number })

/** Makes the channel over REST, like anybody would; what became of it. */
async function connect(target: string, token: string, signal: AbortSignal): Promise<string> {
  let response: Response
  try {
    response = await fetch(`${target}/api/v1/channels`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(request()),
      signal,
    })
  } catch {
    throw new ServerAway(`the hub at ${target} does not answer`)
  }
  if (response.status === 201) return 'the number is connected now'
  if (response.status === 409) return 'the number was connected before'
  const problem = (await response.json().catch(() => ({}))) as { detail?: string; code?: string }
  throw new Refusal(
    `the hub at ${target} does not connect the number: ${response.status} ${problem.code ?? ''} ${problem.detail ?? ''}`.trim(),
  )
}

function positive(most: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!/^(?:\d+|\d*\.\d+)$/.test(text) || value <= 0 || value > most)
      throw new UsageError(`expected a number above 0, at most ${most}, not ${text}`)
    return value
  }
}

function address(text: string): string {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new UsageError(`expected an http address, not ${text}`)
  return `${url.origin}${url.pathname}`.replace(/(?<!\/)\/+$/, '')
}
