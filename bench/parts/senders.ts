import { WebSocket } from 'ws'
import { serve } from './serve.ts'

/** Agents who write one message after the other over their sockets, each as soon as the one before is acknowledged. */

interface Sender {
  readonly socket: WebSocket
  readonly conversationId: string
  acknowledged: ((frame: string) => void) | undefined
}

let senders: Sender[] = []
let messages = 0

function open(url: string, packet: string, conversationId: string): Promise<Sender> {
  const socket = new WebSocket(url, { perMessageDeflate: false })
  const sender: Sender = { socket, conversationId, acknowledged: undefined }
  return new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.on('message', (data: Buffer) => {
      const frame = data.toString()
      if (frame.startsWith('0{')) socket.send(packet)
      else if (frame === '2') socket.send('3')
      else if (frame.startsWith('42["caught-up"')) resolve(sender)
      else if (frame.startsWith('44')) reject(new Error(frame))
      else if (frame.startsWith('43')) sender.acknowledged?.(frame)
    })
  })
}

async function send(sender: Sender): Promise<void> {
  const place = ++messages
  const message = {
    conversationId: sender.conversationId,
    clientMessageId: `bench-${process.pid}-${place}`,
    type: 'text',
    text: 'Yes, it comes in blue and in green.',
  }
  const frame = await new Promise<string>((resolve) => {
    sender.acknowledged = resolve
    sender.socket.send(`42${place}["message.send",${JSON.stringify(message)}]`)
  })
  if (!frame.includes('"ok":true')) throw new Error(frame)
}

serve({
  connect: async ({
    url,
    connects,
    conversationIds,
  }: Record<'connects' | 'conversationIds', string[]> & { url: string }) => {
    senders = await Promise.all(connects.map((packet, i) => open(url, packet, conversationIds[i] as string)))
  },
  /** The first so many write at the same time; answers with messages per second. */
  write: async ({ writers, forMs }: { writers: number; forMs: number }): Promise<number> => {
    const startedAt = performance.now()
    let sent = 0
    await Promise.all(
      senders.slice(0, writers).map(async (sender) => {
        while (performance.now() - startedAt < forMs) {
          await send(sender)
          sent += 1
        }
      }),
    )
    return (sent * 1000) / (performance.now() - startedAt)
  },
})
