/**
 * The version of the socket protocol and of the event catalogue. A client says which it speaks in the handshake
 * (`auth.protocol`, default the newest); events of unknown type are skipped by clients, so adding is compatible.
 *
 * 1: the first.
 */
export const protocolVersion = 1
