import { expect } from 'bun:test'
import type { WireHandler } from '../../src/oci/message.ts'
import { type Answer, type Asked, fill, send, type Variables } from './exchange.ts'

/** What an answer must look like. Header texts are filled in like paths; null: must be absent. */
export interface Expected {
  readonly status: number
  readonly headers?: Readonly<Record<string, string | RegExp | null>>
  /** The code of every error in the body. */
  readonly code?: string
  /** How many errors there are; 1 where a code is expected. */
  readonly errors?: number
  readonly body?: string | Uint8Array
  /** The body as JSON, filled in like paths. */
  readonly json?: unknown
  readonly close?: boolean
}

/** One line of a table: named after a requirement's id, in a repository of its own. */
export interface Row {
  readonly id: string
  readonly title: string
  /** Sent before; each must succeed. */
  readonly given?: readonly Asked[]
  readonly request: Asked
  readonly expect: Expected
  /** Sent after, one by one. */
  readonly after?: readonly { readonly request: Asked; readonly expect: Expected }[]
}

let rows = 0

/**
 * Plays a row. Variables: `{repo}`, `{other}` and `{third}` (fresh repositories, in this order), `{before}` (sorts right before them),
 * `{encodedother}`, `{name}` (a fresh one-part name), `{first}` (sorts right before that one), and as answers bring them `{upload}` (the path of the last session) and `{uuid}`.
 */
export async function play(handler: WireHandler, row: Row): Promise<void> {
  const unique = `r${++rows}`
  const variables: Variables = {
    repo: `wire/${unique}/app`,
    other: `wire/${unique}/other`,
    third: `wire/${unique}/third`,
    name: `wire-${unique}`,
    before: `wire/${unique}/`,
    encodedother: encodeURIComponent(`wire/${unique}/other`),
    first: justBefore(`library/wire-${unique}`),
  }
  for (const asked of row.given ?? []) {
    const answer = await exchange(handler, asked, variables)
    if (answer.status < 200 || answer.status > 299) {
      const text = Buffer.from(answer.body ?? '').toString()
      throw new Error(`given ${asked.method} ${fill(asked.path, variables)}: ${answer.status} ${text}`)
    }
  }
  verify(await exchange(handler, row.request, variables), row.request, row.expect, variables)
  await sameForHead(handler, row.request, variables)
  for (const step of row.after ?? [])
    verify(await exchange(handler, step.request, variables), step.request, step.expect, variables)
}

/** A text that nothing but the given one, and what begins with it, follows. */
function justBefore(text: string): string {
  return `${text.slice(0, -1)}${String.fromCharCode(text.charCodeAt(text.length - 1) - 1)}~`
}

async function exchange(handler: WireHandler, asked: Asked, variables: Variables): Promise<Answer> {
  const answer = await send(handler, asked, variables)
  if (answer === undefined) throw new Error(`${asked.method} ${asked.path} is not a path of the protocol`)
  const uuid = answer.headers['Docker-Upload-UUID']
  if (uuid !== undefined) {
    variables.uuid = uuid
    variables.upload = answer.headers.Location as string
  }
  return answer
}

/** HEAD has the headers of GET and no body (G6), but for ranges, which are of a body. */
async function sameForHead(handler: WireHandler, asked: Asked, variables: Variables): Promise<void> {
  if (asked.method !== 'GET' || asked.headers?.Range !== undefined) return
  const get = await exchange(handler, asked, variables)
  const head = await exchange(handler, { ...asked, method: 'HEAD' }, variables)
  if (get.status === 405) return
  expect(head.status).toBe(get.status)
  expect(head.headers).toEqual(get.headers)
  expect(head.body).toBeNull()
}

function verify(answer: Answer, asked: Asked, expected: Expected, variables: Variables): void {
  const text = answer.body && Buffer.from(answer.body).toString()
  if (answer.status !== expected.status)
    throw new Error(
      `${asked.method} ${fill(asked.path, variables)}: ${answer.status}, not ${expected.status}: ${text}`,
    )
  for (const [name, value] of Object.entries(expected.headers ?? {})) {
    const actual = answer.headers[name]
    if (value === null) expect({ [name]: actual }).toEqual({ [name]: undefined })
    else if (value instanceof RegExp) expect(actual ?? '').toMatch(value)
    else expect({ [name]: actual }).toEqual({ [name]: fill(value, variables) })
  }
  if (expected.body !== undefined)
    expect(Buffer.from(answer.body ?? '')).toEqual(Buffer.from(expected.body as string))
  if (expected.json !== undefined)
    expect(JSON.parse(text ?? '')).toEqual(JSON.parse(fill(JSON.stringify(expected.json), variables)))
  if (expected.close !== undefined) expect(answer.close ?? false).toBe(expected.close)
  framing(answer, asked, variables)
  if (answer.status >= 400) errors(answer, asked, expected, text)
  else expect(expected.code).toBeUndefined()
}

/** What every answer keeps: a true Content-Length, the version header, no length with 204 and 304. */
function framing(answer: Answer, asked: Asked, variables: Variables): void {
  const length = answer.headers['Content-Length']
  if (fill(asked.path, variables).startsWith('/v2'))
    expect(answer.headers['Docker-Distribution-API-Version']).toBe('registry/2.0')
  for (const [name, value] of Object.entries(answer.headers))
    expect(`${name}: ${value}`).not.toMatch(/[\r\n]/)
  if (answer.status === 204 || answer.status === 304) {
    expect(length).toBeUndefined()
    expect(answer.body).toBeNull()
  } else if (asked.method === 'HEAD') {
    expect(answer.body).toBeNull()
    expect(length).toMatch(/^\d+$/)
  } else {
    expect(length).toBe(String(answer.body?.byteLength ?? 0))
  }
}

/** Every refusal is JSON of the specification's shape, with a sentence (G9, G10). */
function errors(answer: Answer, asked: Asked, expected: Expected, text: string | null): void {
  expect(answer.headers['Content-Type']).toBe('application/json')
  if (asked.method === 'HEAD') return
  const told = (JSON.parse(text ?? '') as { errors: { code: string; message: string }[] }).errors
  expect(told).toHaveLength(expected.errors ?? 1)
  for (const each of told) {
    expect(each.code).toBe(expected.code as string)
    expect(each.message.length).toBeGreaterThan(10)
  }
}
