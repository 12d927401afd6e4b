import { randomBytes } from 'node:crypto'

/** A fresh id of a message in the form of Meta's. Never from the dice: a seed told twice must not repeat messages. */
export function newWamid(): string {
  return `wamid.${Buffer.concat([Buffer.from([0x1c, 0x18]), randomBytes(26)]).toString('base64')}`
}
