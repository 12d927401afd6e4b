import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** An answer that is held back on its way: the server gave it, the client does not have it. */
export interface Withheld {
  /** Settles when the server's answer has arrived here. */
  readonly arrived: Promise<void>
  /** Breaks the connection; the client never gets the answer. */
  cut(): void
  /** Lets the answer go on its way. */
  release(): void
  /** Lets the answer go, and resets the connection behind it. */
  releaseAndReset(): void
}

/**
 * A TCP line between a client and a server of ours that can be cut, frozen, slowed, and stopped at an exact message. It reads
 * bytes, not protocols: what a client says is matched as latin1 text, piece by piece as it is read off the wire.
 */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number
  /** Connections that are open now. */
  readonly open: number
  /** Where connections lead that are made from now on; asked for each of them. */
  leadTo(target: number | (() => number | undefined)): void
  /** Breaks open connections, all of them or those that `which` picks. */
  cut(which?: () => boolean): void
  /** Open connections carry nothing more and look open all the same, as when a network is gone without a word. */
  freeze(): void
  /** Stops taking what servers send to some clients, for a while: they look like readers that sleep. */
  stopReading(forMs: number, which?: () => boolean): void
  /** Holds back the answer to the next thing that a client says that matches. */
  withholdAnswer(to: RegExp): Withheld
  /** Breaks the connection on which a client next says something that matches, before it reaches the server. */
  swallow(said: RegExp): Promise<void>
}

interface Pair {
  readonly near: Socket
  readonly far: Socket
  frozen: boolean
  withheld: Buffer[] | undefined
}

type Rule = { readonly to: RegExp; readonly apply: (pair: Pair, chunk: Buffer) => 'pass' | 'drop' }

/** Starts a line to a port of this machine, or to whatever `target` says for each connection (undefined: nobody is there). */
export async function startTcpProxy(target: number | (() => number | undefined)): Promise<TcpProxy> {
  let lead = target
  const pairs = new Set<Pair>()
  const rules = new Set<Rule>()
  const onAnswer = new WeakMap<Pair, () => void>()

  const server = createServer((near) => {
    const port = typeof lead === 'number' ? lead : lead()
    near.on('error', () => {})
    if (port === undefined) return void near.destroy()
    const far = connect(port, '127.0.0.1')
    far.on('error', () => {})
    near.setNoDelay(true)
    far.setNoDelay(true)
    const pair: Pair = { near, far, frozen: false, withheld: undefined }
    pairs.add(pair)
    near.on('data', (chunk) => say(pair, chunk))
    far.on('data', (chunk) => answer(pair, chunk))
    near.on('drain', () => far.resume())
    far.on('drain', () => near.resume())
    for (const socket of [near, far])
      socket.on('close', () => {
        if (pair.frozen) return
        pairs.delete(pair)
        near.destroy()
        far.destroy()
      })
  })

  function say(pair: Pair, chunk: Buffer): void {
    if (pair.frozen) return
    const text = rules.size > 0 ? chunk.toString('latin1') : ''
    for (const rule of rules) {
      if (!rule.to.test(text)) continue
      rules.delete(rule)
      if (rule.apply(pair, chunk) === 'drop') return
    }
    if (!pair.far.write(chunk)) pair.near.pause()
  }

  function answer(pair: Pair, chunk: Buffer): void {
    if (pair.frozen) return
    if (pair.withheld) {
      pair.withheld.push(chunk)
      onAnswer.get(pair)?.()
    } else if (!pair.near.write(chunk)) pair.far.pause()
  }

  const end = (pair: Pair): void => {
    pairs.delete(pair)
    pair.near.destroy()
    pair.far.destroy()
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    get open() {
      return pairs.size
    },
    leadTo: (next) => {
      lead = next
    },
    cut: (which = () => true) => {
      for (const pair of pairs) if (which()) end(pair)
    },
    freeze: () => {
      for (const pair of pairs) pair.frozen = true
    },
    stopReading: (forMs, which = () => true) => {
      for (const pair of pairs) {
        if (!which()) continue
        pair.far.pause()
        setTimeout(() => pair.far.resume(), forMs).unref()
      }
    },
    withholdAnswer: (to) => {
      const arrived = Promise.withResolvers<void>()
      let held: Pair | undefined
      const rule: Rule = {
        to,
        apply: (pair) => {
          held = pair
          pair.withheld = []
          onAnswer.set(pair, () => arrived.resolve())
          return 'pass'
        },
      }
      rules.add(rule)
      const release = (): void => {
        rules.delete(rule)
        if (!held?.withheld) return
        const chunks = held.withheld
        held.withheld = undefined
        for (const chunk of chunks) held.near.write(chunk)
      }
      return {
        arrived: arrived.promise,
        cut: () => {
          rules.delete(rule)
          if (held) end(held)
        },
        release,
        releaseAndReset: () => {
          release()
          held?.near.resetAndDestroy()
        },
      }
    },
    swallow: (said) =>
      new Promise((resolve) => {
        rules.add({
          to: said,
          apply: (pair) => {
            end(pair)
            resolve()
            return 'drop'
          },
        })
      }),
    [Symbol.asyncDispose]: async () => {
      for (const pair of pairs) end(pair)
      server.close()
      await once(server, 'close')
    },
  }
}
