import { documents, faultIn } from './documents.ts'

const { components } = documents.asyncapi as { components: { messages: Readonly<Record<string, unknown>> } }

/** Fails when what the server emitted under a name is not what docs/asyncapi.json promises under it. */
export function checkMessage(name: string, payload: unknown): void {
  check(name, name, payload)
}

/** Fails when the ack of a command is not the one that is promised; of commands that do not exist, an error is. */
export function checkAck(command: string, ack: unknown): void {
  const key = `command.${command}.ack`
  check(`the ack of ${command}`, key in components.messages ? key : 'command.typing.ack', ack)
}

function check(what: string, key: string, payload: unknown): void {
  const fault =
    key in components.messages
      ? faultIn('asyncapi', ['components', 'messages', key, 'payload'], payload)
      : 'there is no such message'
  if (fault === null) return
  throw new Error(
    `${what} is not as the AsyncAPI document says: ${fault}\n${JSON.stringify(payload)?.slice(0, 600)}`,
  )
}
