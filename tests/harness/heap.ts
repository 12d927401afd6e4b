import { WebSocket } from 'ws'

/** What a process must be started with so that `heapsOf` finds it: Node's inspector, on a port of its own choice. */
export const inspected = { NODE_OPTIONS: '--inspect=127.0.0.1:0' }

/** The heap of another process of Node, asked over its inspector. */
export interface Heap extends Disposable {
  /** The file that it runs. */
  readonly program: string
  /** Bytes that are still held after a full collection, those of buffers included. */
  heldBytes(): Promise<number>
}

/** The heaps of all processes that said where their inspector listens, and still live. */
export async function heapsOf(said: readonly string[]): Promise<Heap[]> {
  const urls = said.flatMap((line) => /Debugger listening on (ws:\S+)/.exec(line)?.[1] ?? [])
  const opened = await Promise.allSettled(urls.map(openHeap))
  return opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
}

async function openHeap(url: string): Promise<Heap> {
  const socket = new WebSocket(url)
  const waiting = new Map<number, (result: Record<string, unknown>) => void>()
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
  })
  socket.on('message', (data: Buffer) => {
    const { id, result = {} } = JSON.parse(data.toString()) as {
      id: number
      result?: Record<string, unknown>
    }
    waiting.get(id)?.(result)
    waiting.delete(id)
  })
  let asked = 0
  const ask = (method: string, params: object = {}) =>
    new Promise<Record<string, unknown>>((resolve) => {
      waiting.set(++asked, resolve)
      socket.send(JSON.stringify({ id: asked, method, params }))
    })
  const { result } = await ask('Runtime.evaluate', { expression: 'process.argv[1]' })
  return {
    program: String((result as { value: string }).value),
    heldBytes: async () => {
      // Twice: what the first finalizes is freed by the second.
      for (let i = 0; i < 2; i++) await ask('HeapProfiler.collectGarbage')
      const usage = (await ask('Runtime.getHeapUsage')) as { usedSize: number; backingStorageSize?: number }
      return usage.usedSize + (usage.backingStorageSize ?? 0)
    },
    [Symbol.dispose]: () => socket.terminate(),
  }
}
