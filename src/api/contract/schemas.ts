import { z } from 'zod'
import * as collection from './collection.ts'
import * as common from './common.ts'
import * as lifecycle from './lifecycle.ts'
import * as namespaces from './namespaces.ts'
import * as organisations from './organisations.ts'
import * as people from './people.ts'
import * as repositories from './repositories.ts'
import * as site from './site.ts'
import * as statistics from './statistics.ts'

/** A JSON Schema, as far as this program writes any. */
export type JsonSchema = { readonly [keyword: string]: unknown }

/** Gives every object that the contract exports its name, so that documents refer to it instead of repeating it. */
class NamedSchemas extends z.core.$ZodRegistry<{ id?: string; description?: string }> {
  readonly #names = new Map<unknown, string>()

  constructor() {
    super()
    for (const module of [
      common,
      people,
      organisations,
      namespaces,
      repositories,
      statistics,
      lifecycle,
      collection,
      site,
    ]) {
      for (const [name, value] of Object.entries(module)) {
        if (value instanceof z.ZodObject && value !== common.PageQuery) this.#names.set(value, name)
      }
    }
  }

  override get(schema: z.core.$ZodType): never {
    const id = this.#names.get(schema)
    return { ...z.globalRegistry.get(schema), ...(id !== undefined && { id }) } as never
  }
}

/** Where the document keeps what has a name. */
const COMPONENTS = '#/components/schemas/'

/** Writes the contract's schemas as JSON Schema (2020-12), which is what OpenAPI 3.1 takes. */
export class SchemaWriter {
  /** Everything with a name that was written so far. */
  readonly components: Record<string, JsonSchema> = {}
  readonly #registry = new NamedSchemas()

  /** `input`: what may be sent; `output`: what is answered. Throws where one name stands for two schemas. */
  write(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
    const {
      $schema: _,
      $defs = {},
      ...written
    } = z.toJSONSchema(schema, { metadata: this.#registry, target: 'draft-2020-12', io })
    for (const [name, definition] of Object.entries($defs)) {
      const tidied = tidy(definition) as JsonSchema
      const before = this.components[name]
      if (before !== undefined && JSON.stringify(before) !== JSON.stringify(tidied)) {
        throw new Error(`the name ${name} stands for two schemas`)
      }
      this.components[name] = tidied
    }
    return tidy(written) as JsonSchema
  }
}

/** Points into the document's components, and leaves out what only says how a number or a time is checked. */
function tidy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(tidy)
  if (typeof value !== 'object' || value === null) return value
  const { id: _, ...schema } = value as Record<string, unknown>
  const isSchemaId = typeof (value as { id?: unknown }).id === 'string'
  const entries = Object.entries(isSchemaId ? schema : value).filter(
    ([keyword, content]) =>
      !(keyword === 'pattern' && (value as { format?: unknown }).format === 'date-time') &&
      !(
        (keyword === 'minimum' || keyword === 'maximum') &&
        Math.abs(Number(content)) >= Number.MAX_SAFE_INTEGER
      ),
  )
  return Object.fromEntries(
    entries.map(([keyword, content]) => [
      keyword,
      keyword === '$ref' && typeof content === 'string'
        ? content.replace('#/$defs/', COMPONENTS)
        : tidy(content),
    ]),
  )
}
