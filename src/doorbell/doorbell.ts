/**
 * "Look now." A bell carries no facts that anybody relies on: it may be lost, doubled or late, and whoever listens also
 * polls. It may take news along, so that who listens need not look; what they are worth is for the listener to judge.
 * Ringing never throws and is never awaited for correctness.
 */
export interface Doorbell {
  /** Most bytes of news that a bell takes along; 0: none. */
  readonly newsBytes: number
  /** Something was committed in this tenant. `news`, one line of text, only after the commit and only of what it holds. */
  ring(tenantId: string, news?: string): void
  /** Calls back when a tenant's bell rings; several listeners of one tenant each hear it. Answers with how to stop. */
  listen(tenantId: string, heard: (news: News) => void): () => void
  /** Whether bells arrive at present, so that readiness can say "degraded". */
  readonly connected: boolean
  /** Gives up the connections, which may be dead without anybody having said so, and makes new ones. */
  reconnect(): void
  close(): Promise<void>
}

/**
 * What a bell took along, in the order it was rung; a call, because most who listen do not ask. Empty when it took
 * nothing, or nothing that a process of this installation sealed.
 */
export type News = () => readonly string[]
