import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { ClientState } from '../../src/contract/client-state.ts'
import type { MessageView } from '../../src/contract/message.ts'
import type { Console } from '../harness/console.ts'
import { eventually } from '../harness/eventually.ts'
import { delivery, person, written } from '../ingest/cloud-bodies.ts'
import type { System } from './system.ts'

/** How long each leg of a round trip took, in milliseconds. */
export interface Legs {
  /** From the network's 200 to the agent's screen. */
  readonly toScreen: number
  /** From the agent's Enter to the answer. */
  readonly answered: number
  /** From there to the network. */
  readonly toNetwork: number
  /** From the network's word that it was read to the screen. */
  readonly settled: number
}

const longestLeg = 20_000

/**
 * A customer writes, an agent sees it and answers over the socket, the network takes the answer and says that it was read, and
 * the agent sees that: every part of the system once. Fails when a leg takes longer than 20 s.
 */
export async function roundTrip(system: System, screen: Console, who = person()): Promise<Legs> {
  const { network, number } = system
  const question = `question ${randomUUID()}`
  const text = `answer ${randomUUID()}`
  const times = [0]
  const lap = (): void => void times.push(Math.round(performance.now()))
  await network.deliver(number, delivery(number, [written(who, question)]))
  lap()
  const { conversationId } = await eventually(() => messageOf(screen.state, question), longestLeg)
  lap()
  const clientMessageId = randomUUID()
  const input = { conversationId, clientMessageId, type: 'text', text }
  const ack = await eventually(async () => {
    const answer = await screen.command<{ id: string }>('message.send', input)
    return answer?.ok ? answer.data : Promise.reject(new Error(`not answered: ${JSON.stringify(answer)}`))
  }, longestLeg)
  lap()
  await eventually(() => expect(network.acceptedOf(ack.id)).toBe(1), longestLeg)
  lap()
  const taken = network.sends.find(({ ref, id }) => ref === ack.id && id !== null)
  await network.tell(number, { ...taken!, id: taken?.id ?? '' }, 'read')
  lap()
  await eventually(() => expect(messageOf(screen.state, text).status).toBe('read'), longestLeg)
  lap()
  const leg = (place: number) => (times[place + 1] ?? 0) - (times[place] ?? 0)
  return { toScreen: leg(1), answered: leg(2), toNetwork: leg(3), settled: leg(5) }
}

function messageOf(state: ClientState, text: string): MessageView {
  for (const messages of state.messages.values())
    for (const message of messages) if (message.text === text) return message
  throw new Error(`${text} is not on the screen`)
}
