import { describe, expect, test } from 'bun:test'
import { CONTRACT, type Endpoint } from '../../src/api/contract/contract.ts'
import { namesIn, partsOf } from '../../src/api/contract/grouping.ts'
import type { Route } from '../../src/api/contract/route.ts'
import { openApiDocument } from '../../src/api/openapi.ts'

/* What the OpenAPI Specification 3.1 demands of a document and a JSON Schema for it does not see, and what the contract promises. */

const document = JSON.parse(JSON.stringify(openApiDocument())) as ReturnType<typeof openApiDocument>
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
)
const ENDPOINTS = Object.keys(CONTRACT) as Endpoint[]
const routeOf = (endpoint: Endpoint): Route => CONTRACT[endpoint]
const operationOf = (endpoint: Endpoint) => {
  const { method, path } = partsOf(endpoint)
  const operation = document.paths[path]?.[method.toLowerCase()]
  if (operation === undefined) throw new Error(`${endpoint} is not in the document`)
  return operation
}

/** Every object in the document, with where it stands. */
function* objects(value: unknown, at = '#'): Generator<[string, Record<string, unknown>]> {
  if (typeof value !== 'object' || value === null) return
  if (!Array.isArray(value)) yield [at, value as Record<string, unknown>]
  for (const [key, part] of Object.entries(value)) yield* objects(part, `${at}/${key}`)
}

function lookUp(reference: string): unknown {
  let found: unknown = document
  for (const part of reference.slice('#/'.length).split('/')) {
    found = (found as Record<string, unknown> | undefined)?.[part]
  }
  return found
}

describe('the document', () => {
  test('is OpenAPI 3.1 with what such a document must have', () => {
    expect(document.openapi).toMatch(/^3\.1\.\d+$/)
    expect(document.info).toMatchObject({ title: expect.any(String), version: expect.any(String) })
    for (const path of Object.keys(document.paths)) expect(path).toStartWith('/')
  })

  test('has every endpoint of the contract, and nothing else', () => {
    const written = operations.map(({ method, path }) => `${method.toUpperCase()} ${path}`)
    expect(written.sort()).toEqual([...ENDPOINTS].sort())
  })

  test('has no two paths that differ in the names of their parameters only', () => {
    const shapes = Object.keys(document.paths).map((path) => path.replace(/\{\w+\}/g, '{}'))
    expect(new Set(shapes).size).toBe(shapes.length)
  })

  test('refers to nothing that is not there', () => {
    const references = [...objects(document)].flatMap(([, { $ref }]) => ($ref === undefined ? [] : [$ref]))
    expect(references.length).toBeGreaterThan(50)
    expect(references.filter((reference) => lookUp(reference as string) === undefined)).toEqual([])
  })

  test('refers to every component, and keeps nothing of the writer’s own', () => {
    const text = JSON.stringify(document.paths) + JSON.stringify(document.components.schemas)
    const unused = Object.keys(document.components.schemas).filter(
      (name) => !text.includes(`"#/components/schemas/${name}"`),
    )
    expect(unused.filter((name) => name !== 'Problem')).toEqual([])
    expect(JSON.stringify(document)).not.toContain('$defs')
    expect(JSON.stringify(document)).not.toContain('"$schema"')
  })

  test('names every operation once, so that programs can be generated', () => {
    const ids = operations.map(({ operation }) => operation.operationId)
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids.filter((id) => !/^[a-z][A-Za-z0-9]+$/.test(id))).toEqual([])
  })

  test('has schemas that can be met', () => {
    for (const [at, schema] of objects(document.components.schemas)) {
      const { type, required, properties } = schema as Record<string, unknown>
      if (at.endsWith('/properties')) continue
      if (typeof type === 'string') {
        expect(['object', 'array', 'string', 'integer', 'number', 'boolean', 'null']).toContain(type)
      }
      if (Array.isArray(required))
        expect(Object.keys(properties ?? {})).toEqual(expect.arrayContaining(required))
    }
  })
})

describe.each(ENDPOINTS)('%s', (endpoint) => {
  const route = routeOf(endpoint)
  const { method, path } = partsOf(endpoint)

  test('declares its parameters', () => {
    const { parameters = [] } = operationOf(endpoint)
    const names = parameters.map((parameter) => `${parameter.in} ${parameter.name}`)
    expect(new Set(names).size).toBe(names.length)
    const inPath = parameters.filter((parameter) => parameter.in === 'path')
    expect(inPath.map(({ name }) => name)).toEqual(namesIn(path))
    expect(inPath.every(({ required }) => required)).toBe(true)
    const inQuery = parameters.filter((parameter) => parameter.in === 'query')
    expect(inQuery.map(({ name }) => name).sort()).toEqual(Object.keys(route.query?.shape ?? {}).sort())
  })

  test('says how to sign in, by schemes that are there', () => {
    const { security } = operationOf(endpoint)
    for (const way of security) {
      for (const scheme of Object.keys(way))
        expect(document.components.securitySchemes).toHaveProperty(scheme)
    }
    const open = security.some((way) => Object.keys(way).length === 0)
    expect(open).toBe(route.access.kind === 'anyone')
  })

  test('says what it answers', () => {
    const { responses, requestBody, tags, parameters = [] } = operationOf(endpoint)
    expect(document.tags.map(({ name }) => name)).toContain(tags[0] as string)
    const statuses = Object.keys(responses)
    expect(statuses.filter((status) => !/^[1-5]\d\d$/.test(status))).toEqual([])
    expect(statuses).toContain(String(route.result || route.produces ? (route.status ?? 200) : 204))
    expect(statuses).toContain('401')
    if (route.access.kind !== 'anyone') expect(statuses).toContain('403')
    expect(requestBody !== undefined).toBe(route.body !== undefined)
    if (method === 'GET') expect(requestBody).toBeUndefined()
    const conditional = parameters.some(({ name }) => name === 'If-Match')
    expect(conditional).toBe(route.versioned === true)
    expect(statuses.includes('412')).toBe(route.versioned === true)
  })
})

test('what has a version says so in its ETag', () => {
  expect(operationOf('GET /repositories/{repository}').responses[200]).toMatchObject({
    headers: { ETag: { $ref: '#/components/headers/ETag' } },
  })
  expect(operationOf('GET /users/{user}/tokens').responses[200]).not.toHaveProperty('headers')
})

test('what shows a secret once is never made twice', () => {
  expect(operationOf('POST /users/{user}/tokens').responses).not.toHaveProperty('200')
  expect(operationOf('POST /repositories').responses).toHaveProperty('200')
})

test('a body that may be left out is said to be optional', () => {
  expect(operationOf('POST /invitations').requestBody?.required).toBe(false)
  expect(operationOf('POST /users').requestBody?.required).toBe(true)
})
