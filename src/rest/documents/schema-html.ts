import { type Html, html, prose } from './html.ts'
import type { JsonSchema } from './schema-book.ts'

/** A schema for people: what kind of value it is, and below it the members that it has. */
export function schemaHtml(schema: JsonSchema): Html {
  const members = membersOf(schema)
  return html`<span class="kind">${kindOf(schema)}</span>${limitsOf(schema)}${members.length > 0 ? html`<ul class="members">${members}</ul>` : undefined}`
}

function membersOf(schema: JsonSchema): Html[] {
  const choices = choicesOf(schema).filter((choice) => choice['type'] !== 'null')
  if (choices.length > 1 && choices.some(isDeep))
    return choices.map((choice) => html`<li>${schemaHtml(choice)}</li>`)
  if (choices.length === 1 && choices[0] !== undefined) return membersOf(choices[0])
  const items = schema['items'] as JsonSchema | undefined
  if (items !== undefined && !Array.isArray(items)) return membersOf(items)
  const required = new Set((schema['required'] ?? []) as string[])
  const named = Object.entries((schema['properties'] ?? {}) as Record<string, JsonSchema>)
  return named.map(
    ([name, member]) =>
      html`<li><code>${name}</code>${required.has(name) ? html`<sup title="always there">*</sup>` : undefined} ${schemaHtml(member)}</li>`,
  )
}

const isDeep = (schema: JsonSchema): boolean => 'properties' in schema || '$ref' in schema

const choicesOf = (schema: JsonSchema): JsonSchema[] =>
  (schema['anyOf'] ?? schema['oneOf'] ?? schema['allOf'] ?? []) as JsonSchema[]

/** `string`, `list of Customer`, `"open" or "done"` … */
function kindOf(schema: JsonSchema): Html {
  const ref = schema['$ref']
  if (typeof ref === 'string') {
    const name = ref.slice(ref.lastIndexOf('/') + 1)
    return html`<a href="#shape-${name}">${name}</a>`
  }
  if ('const' in schema) return html`<code>${JSON.stringify(schema['const'])}</code>`
  const values = schema['enum']
  if (Array.isArray(values)) return listed(values.map((value) => html`<code>${JSON.stringify(value)}</code>`))
  const choices = choicesOf(schema)
  if (choices.length > 0) return listed(choices.map((choice) => html`${kindOf(choice)}${limitsOf(choice)}`))
  if (schema['type'] === 'array') return html`list of ${kindOf((schema['items'] ?? {}) as JsonSchema)}`
  const others = schema['additionalProperties']
  if (schema['type'] === 'object' && typeof others === 'object' && others !== null)
    return html`object of ${kindOf(others as JsonSchema)}`
  return html`${typeof schema['type'] === 'string' ? schema['type'] : 'anything'}`
}

function listed(kinds: readonly Html[]): Html {
  return html`${kinds.map((kind, place) => html`${place === 0 ? '' : ' or '}${kind}`)}`
}

const limits = [
  'format',
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
  'minItems',
  'maxItems',
  'pattern',
  'default',
] as const

function limitsOf(schema: JsonSchema): Html {
  const said = limits
    .filter((keyword) => keyword in schema)
    .map(
      (keyword) =>
        html` <span class="limit">${keyword} <code>${JSON.stringify(schema[keyword])}</code></span>`,
    )
  const about = schema['description']
  return html`${said}${typeof about === 'string' ? html` <span>${prose(about)}</span>` : undefined}`
}
