import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Environment } from '../src/platform/config.ts'
import type { Usage } from './parts/meter.ts'

const root = join(import.meta.dirname, '..')
const readyWithinMs = 20_000
const stopWithinMs = 5000

interface Answer {
  readonly ready?: true
  readonly call?: number
  readonly meter?: number
  readonly result?: unknown
  readonly usage?: Usage
  readonly failure?: string
}

/** A process of the bench: a program of ours, of a peer or of the clients, that can be asked and metered. */
export class Part {
  readonly name: string
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>()
  readonly #ready = Promise.withResolvers<void>()
  #asked = 0

  constructor(program: string, environment: Environment, args: readonly string[] = []) {
    this.name = program
    this.#child = spawn(
      process.execPath,
      ['--expose-gc', '--import', join(import.meta.dirname, 'parts/meter.ts'), join(root, program), ...args],
      { cwd: root, env: environment as NodeJS.ProcessEnv, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] },
    )
    this.#child.on('message', (answer: Answer) => this.#take(answer))
    this.#child.once('exit', (code, signal) => this.#end(new Error(`${program} ended (${code ?? signal})`)))
    this.#ready.promise.catch(() => {})
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  #take({ ready, call, meter, result, usage, failure }: Answer): void {
    if (ready) return this.#ready.resolve()
    const number = call ?? meter ?? 0
    const waiting = this.#waiting.get(number)
    this.#waiting.delete(number)
    if (failure !== undefined) waiting?.reject(new Error(`${this.name}: ${failure}`))
    else waiting?.resolve((meter === undefined ? result : usage) as never)
  }

  #end(error: Error): void {
    this.#ready.reject(error)
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }

  #ask<Result>(question: object, kind: 'call' | 'meter'): Promise<Result> {
    const number = ++this.#asked
    return new Promise<Result>((resolve, reject) => {
      this.#waiting.set(number, { resolve: resolve as (value: never) => void, reject })
      this.#child.send({ ...question, [kind]: number }, (error) => {
        if (error) this.#end(error)
      })
    })
  }

  /** Settles when the program serves. For programs of the bench; the product's are asked over HTTP. */
  serving(): Promise<void> {
    return this.#ready.promise
  }

  call<Result = void>(method: string, input: object = {}): Promise<Result> {
    return this.#ask<Result>({ method, input }, 'call')
  }

  usage(collect = false): Promise<Usage> {
    return this.#ask<Usage>({ collect }, 'meter')
  }

  /** CPU microseconds that the process used while `work` ran. */
  async cpuDuring(work: () => Promise<unknown>): Promise<number> {
    const before = await this.usage()
    await work()
    return (await this.usage()).cpuUs - before.cpuUs
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exit = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    const late = setTimeout(() => this.#child.kill('SIGKILL'), stopWithinMs)
    await exit
    clearTimeout(late)
  }
}

/** Starts a program of the bench and waits until it serves. */
export async function startPart(
  program: string,
  { environment = {}, args = [] }: { environment?: Environment; args?: readonly string[] } = {},
): Promise<Part> {
  const part = new Part(`bench/${program}`, environment, args)
  await part.serving()
  return part
}

/** Starts a process of the product on a port of its own and waits until it says that it is ready. */
export async function startProduct(
  program: string,
  environment: Environment,
): Promise<{ part: Part; port: number }> {
  const port = await freePort()
  const part = new Part(program, { ...environment, PORT: String(port) })
  const until = performance.now() + readyWithinMs
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/ready`).catch(() => undefined)
    if (answer?.ok) return { part, port }
    if (performance.now() > until) {
      await part.stop()
      throw new Error(`${program} is not ready: ${answer ? await answer.text() : 'it does not answer'}`)
    }
    await pause(50)
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
