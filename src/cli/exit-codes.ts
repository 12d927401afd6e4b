/** How a command ends; the numbers above 2 are those of sysexits, which service managers know. */
export const exitCodes = {
  ok: 0,
  /** It ran and found something wrong, or what was asked for does not exist. */
  found: 1,
  usage: 2,
  /** A server that the command needs does not answer. */
  unavailable: 69,
  /** A fault of ours. */
  internal: 70,
  configuration: 78,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]
