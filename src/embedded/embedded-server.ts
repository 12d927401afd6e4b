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
