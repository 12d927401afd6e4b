import type { Documents } from './documents.ts'
import { type Html, html, prose } from './html.ts'
import type { JsonSchema } from './schema-book.ts'
import { schemaHtml } from './schema-html.ts'

interface Described {
  readonly summary: string
  readonly tags: readonly string[]
  readonly 'x-action': string | readonly string[]
  readonly parameters?: readonly {
    readonly name: string
    readonly in: string
    readonly required?: boolean
    readonly description?: string
    readonly schema: JsonSchema
  }[]
  readonly requestBody?: { readonly content: Content }
  readonly responses: Readonly<Record<string, Answer>>
}
interface Answer {
  readonly $ref?: string
  readonly description?: string
  readonly content?: Content
}
type Content = Readonly<Record<string, { readonly schema: JsonSchema }>>

interface OpenApi {
  readonly info: { readonly version: string; readonly description: string }
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> }
}

interface SocketMessage {
  readonly name: string
  readonly summary: string
  readonly payload: JsonSchema
  readonly 'x-audience-means'?: string
  readonly 'x-ephemeral'?: boolean
}
interface AsyncApi {
  readonly info: { readonly description: string }
  readonly components: {
    readonly messages: Readonly<Record<string, SocketMessage>>
    readonly schemas: Readonly<Record<string, JsonSchema>>
  }
  readonly 'x-errors': Readonly<Record<string, { readonly then: string; readonly means: string }>>
}

/** Both documents on one page without a script, for people. The paths are those under `basePath`. */
export function referencePage(documents: Documents, basePath: string): string {
  const rest = documents.openapi as unknown as OpenApi
  const socket = documents.asyncapi as unknown as AsyncApi
  const shapes = { ...socket.components.schemas, ...rest.components.schemas }
  const groups = byTag(rest)
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Switchboard: reference</title>
<link rel="stylesheet" href="${basePath}/docs/style.css">
</head>
<body>
<nav aria-label="Contents">
<p><strong>Switchboard</strong> ${rest.info.version}</p>
<p><a href="${basePath}/openapi.json">openapi.json</a> · <a href="${basePath}/asyncapi.json">asyncapi.json</a></p>
<p><a href="#rest">REST</a></p>
<ul>${[...groups].map(([tag]) => html`<li><a href="#tag-${tag}">${tag}</a></li>`)}</ul>
<p><a href="#socket">Socket</a></p>
<ul><li><a href="#commands">commands</a></li><li><a href="#events">events</a></li></ul>
<p><a href="#errors">Errors</a></p>
<p><a href="#shapes">Shapes</a></p>
</nav>
<main>
<h1>Reference</h1>
<h2 id="rest">REST</h2>
<p>${prose(rest.info.description)}</p>
${[...groups].map(([tag, operations]) => html`<section><h3 id="tag-${tag}">${tag}</h3>${operations}</section>\n`)}
<h2 id="socket">Socket</h2>
<p>${prose(socket.info.description)}</p>
${socketSections(socket)}
<h2 id="errors">Errors</h2>
<table><thead><tr><th>code</th><th>then</th><th>means</th></tr></thead><tbody>
${Object.entries(socket['x-errors']).map(([code, { then, means }]) => html`<tr id="error-${code}"><td><code>${code}</code></td><td>${then}</td><td>${means}</td></tr>\n`)}
</tbody></table>
<h2 id="shapes">Shapes</h2>
<p>What is marked <sup>*</sup> is always there.</p>
${Object.entries(shapes).map(([name, schema]) => html`<section><h3 id="shape-${name}">${name}</h3>${schemaHtml(schema)}</section>\n`)}
</main>
</body>
</html>
`
  return page.text
}

function byTag({ paths }: OpenApi): Map<string, Html[]> {
  const groups = new Map<string, Html[]>()
  for (const [path, methods] of Object.entries(paths))
    for (const [method, operation] of Object.entries(methods)) {
      const [tag = ''] = operation.tags
      groups.set(tag, [...(groups.get(tag) ?? []), operationHtml(method, path, operation)])
    }
  return new Map([...groups].sort(([one], [other]) => (one < other ? -1 : 1)))
}

function operationHtml(method: string, path: string, operation: Described): Html {
  const { summary, parameters = [], requestBody, responses } = operation
  const right = [operation['x-action']].flat().join(' or ')
  return html`<details class="operation">
<summary><span class="method ${method}">${method.toUpperCase()}</span> <code>${path}</code> ${summary} <span class="right">${right}</span></summary>
${parameters.length > 0 ? html`<h4>Takes</h4><ul class="members">${parameters.map((one) => html`<li><code>${one.name}</code>${one.required ? html`<sup title="needed">*</sup>` : undefined} <span class="limit">${one.in}</span> ${schemaHtml(one.schema)} ${prose(one.description ?? '')}</li>`)}</ul>` : undefined}
${requestBody === undefined ? undefined : html`<h4>Body</h4>${contentHtml(requestBody.content)}`}
<h4>Answers</h4>
${Object.entries(responses).map(([status, answer]) => html`<div class="answer"><strong>${status}</strong> ${answerHtml(answer)}</div>`)}
</details>
`
}

/** Refusals are told by their codes, which the name of the shared answer is made of. */
function answerHtml({ $ref, description = '', content = {} }: Answer): Html {
  if ($ref === undefined) return html`${prose(description)} ${contentHtml(content)}`
  const codes = $ref.slice($ref.lastIndexOf('/') + 1).split('.')
  return html`${codes.map((code) => html`<a href="#error-${code}"><code>${code}</code></a> `)}`
}

function contentHtml(content: Content): Html {
  return html`${Object.entries(content).map(([type, { schema }]) => html`<div><span class="limit">${type}</span> ${schemaHtml(schema)}</div>`)}`
}

function socketSections({ components: { messages } }: AsyncApi): Html {
  const entries = Object.entries(messages)
  const commands = entries.filter(([key]) => key.startsWith('command.') && !key.endsWith('.ack'))
  const events = entries.filter(([key]) => !key.startsWith('command.'))
  return html`<section><h3 id="commands">Commands</h3>
${commands.map(([key, command]) => messageHtml(command, html`<h4>Takes</h4>${schemaHtml(command.payload)}<h4>Is answered with</h4>${schemaHtml(messages[`${key}.ack`]?.payload ?? {})}`))}</section>
<section><h3 id="events">Events</h3>
${events.map(([, event]) => messageHtml(event, schemaHtml(event.payload)))}</section>`
}

function messageHtml(message: SocketMessage, body: Html): Html {
  const heard = message['x-ephemeral'] ? 'may be lost' : (message['x-audience-means'] ?? '')
  return html`<details class="operation">
<summary><code>${message.name}</code> ${message.summary} <span class="right">${heard}</span></summary>
${body}
</details>
`
}
