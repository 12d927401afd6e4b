import { run } from './run.ts'

/** Time to come to a good end after Ctrl-C. */
const graceMs = 2000

const stop = new AbortController()
const end = () => {
  stop.abort()
  setTimeout(() => process.exit(130), graceMs).unref()
}
process.on('SIGINT', end)
process.on('SIGTERM', end)

// Whoever reads us may stop reading, as `head` does; that is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

// Not by running out of work: a connection that keeps looking for a server that is away would hold the process.
process.exit(await run(process.argv.slice(2), process, stop.signal))
