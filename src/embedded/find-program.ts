import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The path of a program on the PATH, or undefined. */
export async function findProgram(name: string): Promise<string | undefined> {
  try {
    const { stdout } = await run('/bin/sh', ['-c', 'command -v -- "$1"', 'sh', name])
    return stdout.trim() || undefined
  } catch {
    return undefined
  }
}
