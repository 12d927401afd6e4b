import type { Doorbell } from './doorbell.ts'

/** For processes that have nobody to wake, such as the command line: listeners find news by polling. */
export const silentDoorbell: Doorbell = {
  newsBytes: 0,
  ring: () => {},
  listen: () => () => {},
  connected: false,
  reconnect: () => {},
  close: () => Promise.resolve(),
}
