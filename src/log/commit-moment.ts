import { AsyncLocalStorage } from 'node:async_hooks'

/** When something that a command or a request wrote was last committed, by performance.now(); undefined when nothing was. */
export interface CommitMoment {
  at?: number
}

const answering = new AsyncLocalStorage<CommitMoment>()

/**
 * Does what leads to one answer, and notes in `moment` when events of it were committed. Here and not in what use cases take
 * and give: between the commit and the answer lie a dozen of them, and none has a use for it.
 */
export function notingCommits<T>(moment: CommitMoment, work: () => T): T {
  return answering.run(moment, work)
}

/** Whose commits are being noted right now: for work that is done for several at once, elsewhere. */
export function presentMoment(): CommitMoment | undefined {
  return answering.getStore()
}

/** The database said that events of ours are committed. */
export function noteCommit(): void {
  const moment = answering.getStore()
  if (moment) moment.at = performance.now()
}

/** The answer is on its way. */
export function observeAnswer(
  { at }: CommitMoment,
  commitToAck: { observe(seconds: number): void } | undefined,
): void {
  if (at !== undefined) commitToAck?.observe((performance.now() - at) / 1000)
}
