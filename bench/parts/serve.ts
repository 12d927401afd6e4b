/** What a part of the bench can be asked to do, by name. Inputs and answers are plain data. */
export type Methods = Readonly<Record<string, (input: never) => unknown>>

interface Call {
  readonly call?: number
  readonly method: string
  readonly input: unknown
}

/** Answers the calls of the process that started this one. What fails is answered with its reason. */
export function serve(methods: Methods): void {
  process.on('message', ({ call, method, input }: Call) => {
    if (call === undefined) return
    void answer(methods, method, input).then(
      (result) => process.send?.({ call, result }),
      (error: unknown) =>
        process.send?.({ call, failure: error instanceof Error ? error.stack : String(error) }),
    )
  })
  process.on('disconnect', () => process.exit(0))
  process.send?.({ ready: true })
}

async function answer(methods: Methods, method: string, input: unknown): Promise<unknown> {
  return methods[method]?.(input as never)
}
