import type { RequestHandler } from 'express'
import type { z } from 'zod'
import type { Action } from '../auth/can.ts'
import type { ErrorCode } from '../contract/errors.ts'

export type Shape = Readonly<Record<string, z.ZodType>>

/** Headers of an answer that mean something to the caller; those that every answer has are not named. */
export type AnswerHeader = 'etag' | 'location'

/** One answer of success: JSON in a shape, a text of a type, or nothing. */
export interface Answer {
  readonly body: z.ZodType | `text/${string}` | null
  readonly headers?: readonly AnswerHeader[]
}

/** What an operation answers when it succeeds, by status; a schema alone is its JSON. */
export type Answers = Readonly<Record<number, Answer | z.ZodType | null>>

/**
 * Which action of the policy an operation takes; of several, one is enough to be let in, and the handler decides what more it
 * takes. `signed-in`: whoever came through the door. `operator`: who operates the installation, and nobody of a tenant.
 * `public`: nobody is asked who they are.
 */
export type Right = Action | readonly Action[] | 'signed-in' | 'operator' | 'public'

/** All that is to say about an operation but its method and path, which its router knows. The documents are made of it. */
export interface Declaration {
  /** In a few words, for the reference: "Lists customers". */
  readonly does: string
  readonly action: Right
  /** Members of the path and of the query. */
  readonly params: Shape
  readonly query: Shape
  /** Of methods that have one; null: none is read, or it is not JSON (`takes`). */
  readonly body: z.ZodType | null
  /** Content type of a body that is read as bytes. */
  readonly takes?: string
  /** Headers that are read beside those that follow from the rest, by their name in lower case. */
  readonly headers?: Readonly<Record<string, string>>
  readonly answers: Answers
  /** Codes of its own, beside those that follow from the rest (src/rest/documents/operation-errors.ts). */
  readonly errors: readonly ErrorCode[]
  /** Takes an Idempotency-Key when it is a POST. */
  readonly keyed: boolean
}

/** What is not said of a plain handler that nobody has to sign in for. */
export const plain = {
  action: 'public',
  params: {},
  query: {},
  body: null,
  errors: [],
  keyed: false,
} as const satisfies Omit<Declaration, 'does' | 'answers'>

const declarations = new WeakMap<RequestHandler, Declaration>()

/** Says what a handler does; without it the documents cannot be made. `route()` calls it for its handlers. */
export function declare(declaration: Declaration, handler: RequestHandler): RequestHandler {
  declarations.set(handler, declaration)
  return handler
}

export function declarationOf(handler: RequestHandler): Declaration | undefined {
  return declarations.get(handler)
}

/** An answer in its long form. */
export function answerOf(answer: Answer | z.ZodType | null): Answer {
  return answer === null || 'safeParse' in answer ? { body: answer } : answer
}
