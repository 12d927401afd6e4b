import { encodeEvent, type StoredEvent } from '../src/log/stored-event.ts'

/**
 * One unfragmented, unmasked, uncompressed WebSocket text frame (RFC 6455, 5.2), which is what a server sends. Made once
 * and written to any number of sockets; frames that stand behind each other in one buffer are still frames.
 */
export function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text)
  const head = length < 126 ? 2 : length < 65_536 ? 4 : 10
  const frame = Buffer.allocUnsafe(head + length)
  frame[0] = 0x81
  if (head === 2) frame[1] = length
  else if (head === 4) {
    frame[1] = 126
    frame.writeUInt16BE(length, 2)
  } else {
    frame[1] = 127
    frame.writeBigUInt64BE(BigInt(length), 2)
  }
  frame.write(text, head)
  return frame
}

/** What `socket.emit(name, argument)` would put on the wire: Engine.IO message, Socket.IO event, namespace `/`. */
export function emitFrame(name: string, argumentJson: string): Buffer {
  return textFrame(`42["${name}",${argumentJson}]`)
}

export function eventFrame(event: StoredEvent): Buffer {
  return emitFrame(event.type, encodeEvent(event))
}
