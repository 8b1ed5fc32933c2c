import { API_PATH } from './client.ts'
import type { JsonSchema } from './contract/schemas.ts'
import { type Html, html } from './html.ts'
import { htmlPage } from './html-page.ts'
import { type OpenApiDocument, type Operation, openApiDocument } from './openapi.ts'

/** The management API as a page to read, made from the same contract as everything else. */
export function referencePage(): Response {
  const document = openApiDocument()
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      operation,
    })),
  )
  const sections = document.tags.map(({ name }) => {
    const own = operations.filter(({ operation }) => operation.tags[0] === name)
    return html`<section id="${name}"><h2>${name}</h2>${own.map((each) => entry(document, each))}</section>
`
  })
  return htmlPage(
    'Berth management API',
    html`<h1>Berth management API</h1>
<p>${document.info.description} All paths below begin with <code>${API_PATH}</code>; the same for programs:
<a href="${API_PATH}/openapi.json">openapi.json</a>.</p>
${introduction()}
<nav aria-label="Subjects"><ul>${document.tags.map(({ name }) => html`<li><a href="#${name}">${name}</a></li>`)}</ul></nav>
${sections}`,
  )
}

function introduction(): Html {
  return html`<h2>How to ask</h2>
<pre>curl -H "Authorization: Bearer berth_pat_…" https://HOST${API_PATH}/session</pre>
<p>Bodies are JSON, and what a body has that is not listed here is refused. Besides a bearer token, HTTP Basic works as in
<code>docker login</code>, and browsers have a session cookie.</p>
<p>A list says in <code>next</code> where its next page begins; ask again with it as <code>after</code>. An answer with a
<code>version</code> has it as its <code>ETag</code>, too; a change that sends it back as <code>If-Match</code> is refused with 412
when somebody else was faster. Making what is there already, just so, answers 200 instead of 201.</p>
<p>A refusal is an <code>application/problem+json</code> (RFC 9457) whose <code>detail</code> says what was tried and what to do. What
you may not see is refused in the same words as what is not there.</p>
`
}

interface Entry {
  readonly method: string
  readonly path: string
  readonly operation: Operation
}

function entry(document: OpenApiDocument, { method, path, operation }: Entry): Html {
  const { parameters = [], requestBody, responses } = operation
  const success = Object.entries(responses).find(([status]) => status.startsWith('2'))?.[1]
  const content = success !== undefined && 'content' in success ? success.content : undefined
  const result = content?.['application/json']?.schema
  const body = requestBody?.content['application/json']?.schema
  return html`<details id="${operation.operationId}"><summary><code><span class="method">${method}</span>${path}</code><span>${operation.summary}</span></summary>
<div class="body"><p class="quiet">${operation.description}</p>
${fields(
  'Parameters',
  parameters.map(({ name, description, required, schema }) =>
    field(name, typeText(schema), required, description),
  ),
)}
${body === undefined ? undefined : fields('Body', properties(document, body))}
${result === undefined ? undefined : fields('Result', properties(document, result))}
</div></details>
`
}

function fields(title: string, list: readonly Html[]): Html | undefined {
  return list.length === 0 ? undefined : html`<h3>${title}</h3><dl>${list}</dl>`
}

function field(name: string, type: string, required: boolean, description: unknown): Html {
  const says = typeof description === 'string' ? html`<dd>${prose(description)}</dd>` : undefined
  return html`<dt><code>${name}${required ? '' : '?'}: ${type}</code></dt>${says}`
}

/** A sentence in which `words` of programs are marked. */
function prose(text: string): Html[] {
  return text.split('`').map((part, i) => (i % 2 === 0 ? html`${part}` : html`<code>${part}</code>`))
}

/** The fields of an object; of a list, those of its items. */
function properties(document: OpenApiDocument, schema: JsonSchema): Html[] {
  const { properties: own, required = [], anyOf } = resolved(document, schema) as ObjectSchema
  if (anyOf?.[0] !== undefined) return properties(document, anyOf[0])
  if (own === undefined) return []
  const items = (own.items as { items?: JsonSchema } | undefined)?.items
  const inner = items === undefined ? [] : properties(document, items)
  return [
    ...Object.entries(own).map(([name, each]) =>
      field(name, typeText(each), required.includes(name), each.description),
    ),
    ...(inner.length === 0 ? [] : [html`<dt>each item:</dt><dd><dl>${inner}</dl></dd>`]),
  ]
}

interface ObjectSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly anyOf?: readonly JsonSchema[]
}

function resolved(document: OpenApiDocument, schema: JsonSchema): JsonSchema {
  const { $ref } = schema
  return typeof $ref === 'string'
    ? (document.components.schemas[$ref.slice($ref.lastIndexOf('/') + 1)] ?? {})
    : schema
}

/** A schema in a few words, as TypeScript would have it. */
function typeText(schema: JsonSchema): string {
  const {
    $ref,
    anyOf,
    items,
    type,
    format,
    properties: own,
  } = schema as {
    $ref?: string
    anyOf?: JsonSchema[]
    items?: JsonSchema
    type?: string
    format?: string
    properties?: Record<string, JsonSchema>
    enum?: unknown[]
  }
  if ($ref !== undefined) return $ref.slice($ref.lastIndexOf('/') + 1)
  if (Array.isArray(schema.enum)) return schema.enum.map((value) => JSON.stringify(value)).join(' | ')
  if (anyOf !== undefined) return anyOf.map(typeText).join(' | ')
  if (type === 'array') return `(${typeText(items ?? {})})[]`.replace(/^\((\w+)\)\[\]$/, '$1[]')
  if (own !== undefined) {
    return `{ ${Object.entries(own)
      .map(([name, each]) => `${name}: ${typeText(each)}`)
      .join(', ')} }`
  }
  return format ?? type ?? 'any'
}
