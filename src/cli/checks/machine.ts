import { existsSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Config } from '../../platform/config.ts'
import { type Check, fail, look, ok, type Verdict, warn } from './check.ts'

const leastNode = [24, 7] as const
const gibibyte = 1024 ** 3
const scarceBytes = 2 * gibibyte
const fullBytes = gibibyte / 4

export function checkMachine(config: Pick<Config, 'DATA_DIR'>): Promise<Check[]> {
  return Promise.all([
    look('machine', 'Node.js', () => judgeNode(process.versions.node), 'install Node.js 24.7 or newer'),
    look('machine', 'disk space', () => judgeDisk(config.DATA_DIR), 'see whether DATA_DIR can be read'),
  ])
}

export function judgeNode(version: string): Verdict {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const isEnough = major > leastNode[0] || (major === leastNode[0] && minor >= leastNode[1])
  return isEnough ? ok(version) : fail(version, 'install Node.js 24.7 or newer')
}

async function judgeDisk(dataDir: string): Promise<Verdict> {
  let directory = resolve(dataDir)
  while (!existsSync(directory)) directory = dirname(directory)
  const { bavail, bsize } = await statfs(directory)
  return judgeFree(bavail * bsize, directory)
}

export function judgeFree(bytes: number, directory: string): Verdict {
  const found = `${(bytes / gibibyte).toFixed(1)} GiB free at ${directory}`
  if (bytes < fullBytes) return fail(found, 'make room: embedded servers stop when the disk is full')
  return bytes < scarceBytes ? warn(found, 'make room before the disk is full') : ok(found)
}
