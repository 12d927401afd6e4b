import { z } from 'zod'
import { shapeNames } from '../../contract/shape-names.ts'

/** A JSON Schema of the 2020-12 dialect, which OpenAPI 3.1 and AsyncAPI 3 both read. */
export type JsonSchema = { [keyword: string]: unknown }

/** Which side of a schema: what we take (before defaults and changes of form), or what we give. */
export type Side = 'input' | 'output'

const names = z.registry<{ id: string }>()
for (const [id, schema] of Object.entries(shapeNames)) names.add(schema, { id })

/**
 * JSON Schemas of a document. Shapes with a name (src/contract/shape-names.ts) are collected in `components` and referred
 * to, in what we give; what we take is written out where it is taken.
 */
export class SchemaBook {
  readonly #components = new Map<string, JsonSchema>()
  readonly #made = { input: new Map<z.ZodType, JsonSchema>(), output: new Map<z.ZodType, JsonSchema>() }

  of(schema: z.ZodType, side: Side): JsonSchema {
    const before = this.#made[side].get(schema)
    if (before) return before
    const made = this.#make(schema, side)
    this.#made[side].set(schema, made)
    return made
  }

  #make(schema: z.ZodType, side: Side): JsonSchema {
    const made = z.toJSONSchema(schema, {
      io: side,
      unrepresentable: 'any',
      ...(side === 'output' ? { metadata: names } : {}),
      override: tidy,
    }) as JsonSchema
    const { $schema: _dialect, $defs = {}, ...rest } = made
    for (const [name, definition] of Object.entries($defs as Record<string, JsonSchema>)) {
      const { id: _id, ...shape } = definition
      this.#components.set(name, pointed(shape) as JsonSchema)
    }
    const { id, ...body } = rest
    if (typeof id !== 'string') return pointed(body) as JsonSchema
    this.#components.set(id, pointed(body) as JsonSchema)
    return refer(id)
  }

  /** By name. */
  get components(): Record<string, JsonSchema> {
    return Object.fromEntries([...this.#components].sort(([one], [other]) => (one < other ? -1 : 1)))
  }
}

const refer = (name: string): JsonSchema => ({ $ref: `#/components/schemas/${name}` })

/**
 * Leaves out what says nothing to a reader (bounds of every number in JSON, patterns that spell out a format), and says "from 1"
 * of whole numbers above 0.
 */
function tidy({ jsonSchema }: { jsonSchema: JsonSchema }): void {
  const { type, exclusiveMinimum: above } = jsonSchema
  if (type === 'integer' && typeof above === 'number') {
    jsonSchema['minimum'] = above + 1
    delete jsonSchema['exclusiveMinimum']
  }
  if (jsonSchema['format'] !== undefined) delete jsonSchema['pattern']
  if (jsonSchema['minimum'] === Number.MIN_SAFE_INTEGER) delete jsonSchema['minimum']
  if (jsonSchema['maximum'] === Number.MAX_SAFE_INTEGER) delete jsonSchema['maximum']
  if (isPlainText(jsonSchema['propertyNames'])) delete jsonSchema['propertyNames']
}

function isPlainText(schema: unknown): boolean {
  return JSON.stringify(schema) === '{"type":"string"}'
}

/** The same with references to the components of the document. */
function pointed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(pointed)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      key,
      key === '$ref' && typeof member === 'string'
        ? member.replace(/^#\/\$defs\//, '#/components/schemas/')
        : pointed(member),
    ]),
  )
}
