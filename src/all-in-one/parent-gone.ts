import { commandLine } from '../embedded/processes.ts'

const lookEveryMs = 500

/**
 * Calls `then` when the wrapper that started us (scripts/with-node.mjs, behind `npm start`) is gone. It passes the
 * terminal's signals on; killed without a word it would leave a server that no Ctrl-C reaches any more. Any other parent,
 * such as a shell that was left on purpose, may go.
 */
export function onParentGone(then: () => void): void {
  const parent = process.ppid
  if (!commandLine(parent)?.includes('with-node.mjs')) return
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    then()
  }, lookEveryMs)
  timer.unref()
}
