/** A server that this process runs for itself. */
export interface EmbeddedServer {
  /** How clients reach it, password included. */
  url: string
  /** Loopback port; kept in the data directory and reused by the next start when still free. */
  port: number
  /** Where the program came from, for people. */
  from: string
  /** Milliseconds from the call to the first accepted connection, downloads included. */
  startedInMs: number
  /** Ends it cleanly and returns when it is gone; calling it again does nothing. */
  stop(): Promise<void>
}

/** A server with a process of its own, which can end without us. */
export interface ServerProcess extends EmbeddedServer {
  /** Where it writes what it has to say. */
  logFile: string
  /** Settles when the process of this moment ends, asked to or not, with how: a signal or an exit code. */
  ended(): Promise<string>
  /**
   * Starts it again after it ended, on the same port and with the data it had; does nothing while it runs. `signal` gives
   * up an attempt that is under way.
   */
  start(signal?: AbortSignal): Promise<void>
}

/** What every starter takes. */
export interface EmbeddedOptions {
  /** Directory that holds the data of all embedded servers; each makes its own folder in it. */
  dataDir: string
  /** Gets one plain line per thing worth telling (a download, a leftover that was stopped). */
  log: (line: string) => void
  /** Gives up durability for speed. For tests only: a crash of the machine may lose or damage data. */
  test?: boolean
}

/** Where a server listens when it runs; whether it does is another question. */
export interface RecordedServer {
  port: number
  /** As in EmbeddedServer. */
  url: string
}
