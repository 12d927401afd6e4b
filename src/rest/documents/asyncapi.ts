import { z } from 'zod'
import { errorBody } from '../../contract/error-body.ts'
import { errors } from '../../contract/errors.ts'
import type { AudienceName } from '../../contract/events/define.ts'
import { catalogue } from '../../contract/events/catalogue.ts'
import { wireEvents } from '../../contract/events/wire-event.ts'
import { commandAnswers, commandMeanings } from '../../contract/socket-answers.ts'
import {
  commands,
  ephemeralCommands,
  ephemeralEvents,
  ephemeralMeanings,
  farewells,
  handshake,
  noticeMeanings,
  notices,
} from '../../contract/socket.ts'
import { protocolVersion } from '../../contract/version.ts'
import type { Served } from './openapi.ts'
import { type JsonSchema, SchemaBook } from './schema-book.ts'

type Json = { [member: string]: unknown }

/** A message of the socket: a Socket.IO event with one argument. */
interface Message {
  /** In the document; some commands have the name of an event, and an ack has none. */
  readonly key: string
  /** Of the Socket.IO event. */
  readonly name: string
  readonly summary: string
  readonly payload: JsonSchema
  readonly more?: Json
}

const description =
  `Socket.IO 4 at namespace \`/\`, over WebSocket only. Connect with \`auth: {token, position}\`; the token may instead come as bearer header
or as the platform's cookie (then the Origin must be on the list), never in the address. A refusal is a \`connect_error\` whose \`data\` is an error. Then come \`hello\`, the events after your
position, \`caught-up\`, and what happens from then on: each event under its own type, with one argument. Every command is answered by an ack. Skip events of a type that you do not know; an event of former times has the shape of its time.
\`x-audience\` says who hears an event; ephemeral ones (\`x-ephemeral\`) may be lost, and are in no replay.`.replaceAll(
    '\n',
    ' ',
  )

/** The AsyncAPI 3 document of the socket. */
export function asyncApiOf({ version, basePath, cookie }: Served): Json {
  const book = new SchemaBook()
  const said = [...facts(book), ...ownWords(book), ...signs(book)]
  const asked = askedOf(book)
  const connect = connecting(book)
  const all = [
    ...said,
    ...asked.flatMap(({ command, ack }) => [command, ack]),
    connect.handshake,
    connect.refusal,
  ]
  return {
    asyncapi: '3.0.0',
    info: { title: 'Switchboard', version, description },
    servers: {
      gateway: {
        host: '{host}',
        protocol: 'ws',
        pathname: `${basePath}/socket.io`,
        description: `Protocol version ${protocolVersion}.`,
        variables: { host: { default: '127.0.0.1:4000', description: 'Where a gateway listens.' } },
        security: [
          { $ref: '#/components/securitySchemes/token' },
          { $ref: '#/components/securitySchemes/cookie' },
        ],
      },
    },
    channels: {
      socket: {
        address: '/',
        title: 'The one namespace',
        messages: Object.fromEntries(all.map(({ key }) => [key, { $ref: `#/components/messages/${key}` }])),
      },
    },
    operations: {
      connect: receives(connect.handshake, [connect.refusal.key, 'hello']),
      ...Object.fromEntries(asked.map(({ command, ack }) => [command.key, receives(command, [ack.key])])),
      ...Object.fromEntries(said.map((message) => [message.key, sends(message)])),
    },
    components: {
      messages: Object.fromEntries(
        all.map(({ key, name, summary, payload, more }) => [key, { name, summary, payload, ...more }]),
      ),
      schemas: book.components,
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          description: 'A token or an API key, in `auth.token` or the header.',
        },
        cookie: { type: 'httpApiKey', in: 'cookie', name: cookie, description: "The platform's token." },
      },
    },
    'x-errors': Object.fromEntries(
      Object.entries(errors).map(([code, { then, means }]) => [code, { then, means }]),
    ),
    'x-farewells': farewells,
  }
}

const inChannel = (key: string) => ({ $ref: `#/channels/socket/messages/${key}` })

/** AsyncAPI speaks for the server: what clients send it receives. */
function receives({ key, summary }: Message, replies: readonly string[]): Json {
  return {
    action: 'receive',
    channel: { $ref: '#/channels/socket' },
    summary,
    messages: [inChannel(key)],
    reply: { channel: { $ref: '#/channels/socket' }, messages: replies.map(inChannel) },
  }
}

function sends({ key, summary }: Message): Json {
  return { action: 'send', channel: { $ref: '#/channels/socket' }, summary, messages: [inChannel(key)] }
}

const audiences: Readonly<Record<AudienceName, string>> = {
  subject: 'whoever may read what it is about',
  conversation: 'whoever may read the conversation',
  contact: 'everybody who may see the contact now',
  tenant: 'everybody of the tenant, and keys that read records',
  'user readers': 'everybody of the tenant, and keys that read users',
  'channel readers': 'everybody of the tenant, and keys that read channels',
  owner: 'its owner, and whoever may read those of others',
  shared: 'everybody of the tenant when it is shared, else its owner',
  managers: 'managers and admins',
  admins: 'admins',
  'lost sight': 'whoever could see it before and cannot now',
  user: 'one user',
}

function facts(book: SchemaBook): Message[] {
  return catalogue.map(({ type, audience, doc }, place) => ({
    key: type,
    name: type,
    summary: doc,
    payload: book.of(wireEvents[place] as z.ZodType, 'output'),
    more: { 'x-audience': audience, 'x-audience-means': audiences[audience] },
  }))
}

function ownWords(book: SchemaBook): Message[] {
  return Object.entries(notices).map(([name, schema]) => ({
    key: name,
    name,
    summary: noticeMeanings[name as keyof typeof notices],
    payload: book.of(schema, 'output'),
  }))
}

function signs(book: SchemaBook): Message[] {
  return Object.entries(ephemeralEvents).map(([name, schema]) => ({
    key: name,
    name,
    summary: ephemeralMeanings[name as keyof typeof ephemeralEvents],
    payload: book.of(schema, 'output'),
    more: { 'x-ephemeral': true },
  }))
}

function askedOf(book: SchemaBook): { command: Message; ack: Message }[] {
  return Object.entries({ ...commands, ...ephemeralCommands }).map(([name, input]) => {
    const key = name as keyof typeof commandAnswers
    const answer = z.discriminatedUnion('ok', [
      z.strictObject({ ok: z.literal(true), data: commandAnswers[key] }),
      z.strictObject({ ok: z.literal(false), error: errorBody }),
    ])
    return {
      command: {
        key: `command.${name}`,
        name,
        summary: commandMeanings[key],
        payload: book.of(input, 'input'),
        ...(name in ephemeralCommands ? { more: { 'x-ephemeral': true } } : {}),
      },
      ack: {
        key: `command.${name}.ack`,
        name,
        summary: `What ${name} is answered with.`,
        payload: book.of(answer, 'output'),
      },
    }
  })
}

function connecting(book: SchemaBook): { handshake: Message; refusal: Message } {
  return {
    handshake: {
      key: 'connect',
      name: 'connect',
      summary: 'What a client gives in `auth` when it connects.',
      payload: book.of(handshake, 'input'),
    },
    refusal: {
      key: 'connect_error',
      name: 'connect_error',
      summary: 'You are not let in; `data` says why.',
      payload: book.of(z.strictObject({ message: z.string(), data: errorBody }), 'output'),
    },
  }
}
