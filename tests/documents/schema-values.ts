import fc from 'fast-check'

/** A JSON Schema as the documents have it for what we take. */
export interface Schema {
  readonly type?: string
  readonly format?: string
  readonly pattern?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: Schema | boolean
  readonly items?: Schema
  readonly minLength?: number
  readonly maxLength?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly minimum?: number
  readonly exclusiveMinimum?: number
  readonly maximum?: number
  readonly exclusiveMaximum?: number
}

/** What a maker of values knows beside the schema. */
export interface Maker {
  readonly random: () => number
  /** How many of the members that may be left out are there, 0 to 1. */
  readonly density: number
  /** Things that exist, or are in order, for a member of this name; none leaves it to the schema. */
  readonly known: (member: string) => readonly unknown[]
}

export function pick<T>(random: () => number, all: readonly T[]): T {
  return all[Math.floor(random() * all.length)] as T
}

/** A value that the schema allows, at its edges every other time. Optional members come and go. */
export function validValue(schema: Schema, maker: Maker, member = ''): unknown {
  const { random } = maker
  const choices = schema.anyOf ?? schema.oneOf
  if (choices) return validValue(pick(random, choices), maker, member)
  if (schema.const !== undefined) return schema.const
  if (schema.enum) return pick(random, schema.enum)
  if (schema.type === 'null') return null
  const known = maker.known(member).filter((value) => fitsType(schema, value))
  if (known.length > 0) return pick(random, known)
  switch (schema.type) {
    case 'boolean':
      return random() < 0.5
    case 'integer':
    case 'number':
      return validNumber(schema, random)
    case 'array': {
      const most = Math.min(schema.maxItems ?? 3, 3)
      const count = Math.max(schema.minItems ?? 0, Math.floor(random() * (most + 1)))
      return Array.from({ length: count }, () => validValue(schema.items ?? {}, maker, member))
    }
    case 'object':
      return validObject(schema, maker)
    case 'string':
      return validText(schema, random)
    default:
      return pick(random, ['anything', 7, null, true])
  }
}

function fitsType({ type }: Schema, value: unknown): boolean {
  if (type === 'integer' || type === 'number') return typeof value === 'number'
  return type === undefined || type === typeof value
}

function validObject(schema: Schema, maker: Maker): Record<string, unknown> {
  const required = new Set(schema.required)
  const given = Object.entries(schema.properties ?? {}).filter(
    ([name]) => required.has(name) || maker.random() < maker.density,
  )
  return Object.fromEntries(given.map(([name, member]) => [name, validValue(member, maker, name)]))
}

function validNumber(schema: Schema, random: () => number): number {
  const whole = schema.type === 'integer'
  const least = schema.minimum ?? (schema.exclusiveMinimum === undefined ? 0 : schema.exclusiveMinimum + 1)
  const most = schema.maximum ?? schema.exclusiveMaximum ?? least + 1000
  const value = pick(random, [least, most, least + random() * (most - least)])
  return whole ? Math.floor(value) : value
}

const day = '2026-03-04'
const formats: Readonly<Record<string, readonly string[]>> = {
  uuid: ['01912d68-783e-7a03-8467-5661c1243ad4', '00000000-0000-0000-0000-000000000000'],
  'date-time': [`${day}T05:06:07.089Z`, '1999-12-31T23:59:59Z'],
  date: [day, '2000-02-29'],
  email: ['zoe@example.com'],
  uri: ['https://example.com/a?b=c'],
}

function validText(schema: Schema, random: () => number): string {
  if (schema.format !== undefined && formats[schema.format]) return pick(random, formats[schema.format] ?? [])
  if (schema.pattern !== undefined) {
    const seed = Math.floor(random() * 2 ** 31)
    const [text = ''] = fc.sample(fc.stringMatching(new RegExp(schema.pattern)), { seed, numRuns: 1 })
    return text
  }
  const least = schema.minLength ?? 0
  const most = schema.maxLength ?? 40
  const length = pick(random, [least, Math.min(most, 500), Math.max(least, Math.min(most, 12))])
  return pick(random, ['a', 'Zoë ', '😀', "O'", '%_']).repeat(length).slice(0, length)
}
