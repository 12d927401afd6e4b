import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { catalogue } from './events/catalogue.ts'
import { commands, ephemeralCommands } from './socket.ts'
import { protocolVersion } from './version.ts'

/** What a client that speaks this version of the protocol relies on, as JSON Schema, whatever the order of our code. */
function fingerprint(): string {
  const shapes = [
    ...catalogue.map(({ type, data }) => [type, z.toJSONSchema(data, { unrepresentable: 'any' })] as const),
    ...Object.entries({ ...commands, ...ephemeralCommands }).map(
      ([name, input]) => [name, z.toJSONSchema(input, { io: 'input', unrepresentable: 'any' })] as const,
    ),
  ]
  const ordered = shapes.toSorted(([one], [other]) => (one < other ? -1 : 1))
  return createHash('sha256').update(JSON.stringify(ordered)).digest('hex').slice(0, 16)
}

test('[SYN6] the shapes of events and commands are those of this protocol version', () => {
  expect(
    `${protocolVersion} ${fingerprint()}`,
    `Events or commands changed. When only new types, commands or optional members were added, write the new fingerprint
     here; clients skip what they do not know. When anything was renamed, removed, or means something else, raise
     protocolVersion in version.ts with a line of history first, because clients of the former version would misread it.`,
  ).toBe('1 a058d6869b248084')
})
