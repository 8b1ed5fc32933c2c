import type { z } from 'zod'
import { SESSION_COOKIE } from '../core/session-cookie.ts'
import { API_PATH } from './client.ts'
import { Problem } from './contract/common.ts'
import { CONTRACT, type Endpoint } from './contract/contract.ts'
import { headingOf, namesIn, operationIdOf, partsOf } from './contract/grouping.ts'
import type { Access, Route } from './contract/route.ts'
import { type JsonSchema, SchemaWriter } from './contract/schemas.ts'

interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly required: boolean
  readonly description?: string
  readonly schema: JsonSchema
}

type Content = Readonly<Record<string, { readonly schema: JsonSchema }>>
type Reference = { readonly $ref: string }

interface Response {
  readonly description: string
  readonly headers?: Readonly<Record<string, Reference>>
  readonly content?: Content
}

export interface Operation {
  readonly operationId: string
  readonly tags: readonly string[]
  readonly summary: string
  /** Who may. */
  readonly description: string
  readonly security: readonly Readonly<Record<string, readonly string[]>>[]
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly required: boolean; readonly content: Content }
  readonly responses: Readonly<Record<string, Response | Reference>>
}

export interface OpenApiDocument {
  readonly openapi: '3.1.1'
  readonly info: { readonly title: string; readonly version: string; readonly description: string }
  readonly servers: readonly { readonly url: string }[]
  readonly tags: readonly { readonly name: string }[]
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: {
    readonly schemas: Readonly<Record<string, JsonSchema>>
    readonly responses: Readonly<Record<string, Response>>
    readonly headers: Readonly<Record<string, { description: string; schema: JsonSchema }>>
    readonly securitySchemes: Readonly<Record<string, Readonly<Record<string, string>>>>
  }
}

const JSON_TYPE = 'application/json'
const ANY_OF_THEM = [{ cookie: [] }, { bearer: [] }, { basic: [] }]

const PATH_PARAMETERS: Readonly<Record<string, string>> = {
  repository: 'The whole name; its slashes are written as they are',
  namespace: 'A user, an organisation or library',
  robot: 'The name of the robot without its owner',
  tag: 'A tag',
  digest: 'sha256:… or sha512:…',
  id: 'The number that lists show',
}

/** What can go wrong, in the order of the statuses. */
const PROBLEMS = {
  400: 'The request is not understood, or a value in it cannot be',
  401: 'Nobody signed in, or what came proves nobody; the same for what is absent and for what may not be seen',
  403: 'The right is missing; the same for what is absent and for what may not be seen',
  404: 'There is no such thing',
  409: 'It stands against what is there',
  412: 'It has changed since the version of If-Match; read it again',
  413: 'The body is too large',
  415: 'The body is no application/json',
  429: 'Too many attempts; Retry-After says when to come back',
} as const

type ProblemStatus = keyof typeof PROBLEMS

let written: OpenApiDocument | undefined

/** The management API as an OpenAPI 3.1 document, made from the contract when first asked for. */
export function openApiDocument(): OpenApiDocument {
  written ??= writeDocument()
  return written
}

function writeDocument(): OpenApiDocument {
  const writer = new SchemaWriter()
  const problem = writer.write(Problem, 'output')
  const paths: Record<string, Record<string, Operation>> = {}
  const headings = new Set<string>()
  for (const endpoint of Object.keys(CONTRACT) as Endpoint[]) {
    const { method, path } = partsOf(endpoint)
    headings.add(headingOf(endpoint))
    paths[path] ??= {}
    ;(paths[path] as Record<string, Operation>)[method.toLowerCase()] = operation(endpoint, writer)
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Berth management API',
      version: '1',
      description:
        'People, organisations, rights and repositories. Images are pushed and pulled by the OCI Distribution Specification at /v2/.',
    },
    servers: [{ url: API_PATH }],
    tags: [...headings].map((name) => ({ name })),
    paths,
    components: {
      schemas: writer.components,
      responses: Object.fromEntries(
        Object.entries(PROBLEMS).map(([status, description]) => [
          `Problem${status}`,
          { description, content: { 'application/problem+json': { schema: problem } } },
        ]),
      ),
      headers: {
        ETag: { description: 'The version of the thing, for If-Match', schema: { type: 'string' } },
      },
      securitySchemes: {
        cookie: {
          type: 'apiKey',
          in: 'cookie',
          name: SESSION_COOKIE.https,
          description: `The session of a browser, set by POST /session (${SESSION_COOKIE.http} on plain HTTP); changes must come from the same origin`,
        },
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description: 'A personal access token, a robot’s secret, or a token that stands for a login',
        },
        basic: { type: 'http', scheme: 'basic', description: 'As docker login takes them' },
      },
    },
  }
}

function operation(endpoint: Endpoint, writer: SchemaWriter): Operation {
  const route: Route = CONTRACT[endpoint]
  const { path } = partsOf(endpoint)
  const parameters = [...pathParameters(path), ...queryParameters(route, writer), ...versionParameter(route)]
  return {
    operationId: operationIdOf(endpoint),
    tags: [headingOf(endpoint)],
    summary: route.summary,
    description: route.lasting ? `${whoMay(route.access)} ${LASTING}` : whoMay(route.access),
    security: route.access.kind === 'anyone' ? [{}, ...ANY_OF_THEM] : ANY_OF_THEM,
    ...(parameters.length > 0 && { parameters }),
    ...(route.body !== undefined && { requestBody: requestBody(route.body, writer) }),
    responses: responses(endpoint, route, writer),
  }
}

const LASTING =
  'Not with what ends, or is good from some addresses alone – but a session: what is made would know neither bound.'

/** Who may call a route, as a sentence. */
export function whoMay(access: Access): string {
  switch (access.kind) {
    case 'anyone':
      return 'Anyone, signed in or not.'
    case 'signed-in':
      return 'Whoever is signed in.'
    case 'user':
      return 'Whoever is signed in as a user, by a credential that is not narrowed.'
    case 'self':
      return 'The user itself, by a credential that is not narrowed, and site administrators.'
    case 'administrator':
      return 'Site administrators, by a credential that is not narrowed.'
    case 'owner':
      return 'Whoever owns the namespace, by a credential that is not narrowed, and site administrators.'
    case 'member':
      return 'Members of the organisation, by a credential that is not narrowed, and site administrators.'
    case 'repository':
      return `Whoever has ${access.verb} on the repository.`
  }
}

function pathParameters(path: string): Parameter[] {
  return namesIn(path).map((name) => ({
    name,
    in: 'path',
    required: true,
    ...(PATH_PARAMETERS[name] !== undefined && { description: PATH_PARAMETERS[name] }),
    schema: { type: 'string' },
  }))
}

function queryParameters(route: Route, writer: SchemaWriter): Parameter[] {
  if (route.query === undefined) return []
  const { properties = {}, required = [] } = writer.write(route.query, 'input') as {
    properties?: Record<string, JsonSchema>
    required?: string[]
  }
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    ...(typeof description === 'string' && { description }),
    schema,
  }))
}

function versionParameter(route: Route): Parameter[] {
  if (!route.versioned) return []
  return [
    {
      name: 'If-Match',
      in: 'header',
      required: false,
      description: 'The ETag of what was read; the change is refused (412) when it has changed since',
      schema: { type: 'string' },
    },
  ]
}

function requestBody(body: z.ZodType, writer: SchemaWriter): NonNullable<Operation['requestBody']> {
  return {
    required: !body.safeParse(undefined).success,
    content: { [JSON_TYPE]: { schema: writer.write(body, 'input') } },
  }
}

function responses(endpoint: Endpoint, route: Route, writer: SchemaWriter): Operation['responses'] {
  const all: Record<string, Response | Reference> = {}
  if (route.produces !== undefined) {
    all[200] = { description: 'Done', content: { [route.produces]: { schema: { type: 'string' } } } }
  } else if (route.result === undefined) {
    all[204] = { description: 'Done' }
  } else {
    const schema = writer.write(route.result, 'output')
    const success = {
      ...(hasField(schema, writer, 'version') && {
        headers: { ETag: { $ref: '#/components/headers/ETag' } },
      }),
      content: { [JSON_TYPE]: { schema } },
    }
    if (route.status === 201) {
      // What shows a secret once is never the same again.
      const once = ['secret', 'url', 'file'].some((field) => hasField(schema, writer, field))
      if (!once) all[200] = { description: 'It was so already; nothing changed', ...success }
      all[201] = { description: 'Made', ...success }
    } else {
      all[200] = { description: 'Done', ...success }
    }
  }
  for (const status of problemsOf(endpoint, route))
    all[status] = { $ref: `#/components/responses/Problem${status}` }
  return all
}

function hasField(schema: JsonSchema, writer: SchemaWriter, field: string): boolean {
  const { $ref, properties } = schema as { $ref?: string; properties?: object }
  if ($ref !== undefined) {
    const target = writer.components[$ref.slice($ref.lastIndexOf('/') + 1)]
    return target !== undefined && hasField(target, writer, field)
  }
  return properties !== undefined && Object.hasOwn(properties, field)
}

function problemsOf(endpoint: Endpoint, route: Route): ProblemStatus[] {
  const { method, path } = partsOf(endpoint)
  const changes = method !== 'GET'
  const applies: Record<ProblemStatus, boolean> = {
    400: changes || route.query !== undefined || path.includes('{'),
    401: true,
    403: route.access.kind !== 'anyone' || changes,
    404: path.includes('{'),
    409: changes,
    412: route.versioned === true,
    413: route.body !== undefined,
    415: route.body !== undefined,
    429: true,
  }
  return (Object.keys(PROBLEMS).map(Number) as ProblemStatus[]).filter((status) => applies[status])
}
