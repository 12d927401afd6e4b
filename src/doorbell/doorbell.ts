/**
 * "Look now." A bell carries no facts: it may be lost, doubled or late, and whoever listens also polls. Ringing never
 * throws and is never awaited for correctness.
 */
export interface Doorbell {
  /** Something was committed in this tenant. */
  ring(tenantId: string): void
  /** Calls back when a tenant's bell rings; several listeners of one tenant each hear it. Answers with how to stop. */
  listen(tenantId: string, heard: () => void): () => void
  /** Whether bells arrive at present, so that readiness can say "degraded". */
  readonly connected: boolean
  /** Gives up the connections, which may be dead without anybody having said so, and makes new ones. */
  reconnect(): void
  close(): Promise<void>
}
