import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { digestOf } from '../../src/core/digest.ts'
import { startBerth } from '../testbed/berth.ts'
import { Asked } from './asked.ts'

/** A session belongs to the repository it was opened in; everywhere else it is unknown (SE-1). */

let server: Asked
beforeAll(async () => {
  server = new Asked(await startBerth())
})
afterAll(() => server.berth[Symbol.asyncDispose]())

describe.each(['other/repo', 'team/app/more', 'team', 'app'])(
  'a session of team/app, asked for in %s',
  (other) => {
    const content = 'content'
    const digest = digestOf(content)
    test.each([
      ['GET', '', undefined],
      ['HEAD', '', undefined],
      ['PATCH', '', 'more'],
      ['PUT', `?digest=${digest}`, undefined],
      ['PUT', `?digest=${digestOf(`${content}more`)}`, 'more'],
      ['DELETE', '', undefined],
    ])('%s %s is 404, and changes nothing', async (method, query, body) => {
      const location = await server.openUpload('team/app')
      expect(await server.outcome('PATCH', location, { body: content })).toBe('202')
      const elsewhere = location.replace('/v2/team/app/', `/v2/${other}/`)
      const answer = await server.ask(method, elsewhere + query, body === undefined ? {} : { body })
      expect(answer.status).toBe(404)
      if (method !== 'HEAD') expect(await answer.text()).toContain('BLOB_UPLOAD_UNKNOWN')
      expect((await server.ask('GET', location)).headers.get('range')).toBe(`0-${content.length - 1}`)
      expect(await server.outcome('GET', `/v2/${other}/blobs/${digest}`)).toBe('404 BLOB_UNKNOWN')
      expect(await server.outcome('DELETE', location)).toBe('204')
    })
  },
)

test('a session of library/app is the same under its short name (G5)', async () => {
  const location = await server.openUpload('app')
  expect(location).toStartWith('/v2/app/')
  const long = location.replace('/v2/app/', '/v2/library/app/')
  expect(await server.outcome('PATCH', long, { body: 'x' })).toBe('202')
  expect(await server.outcome('PUT', `${location}?digest=${digestOf('x')}`)).toBe('201')
  expect(await server.outcome('GET', `/v2/library/app/blobs/${digestOf('x')}`)).toBe('200')
})

test('ids that were never given are unknown, whatever they look like', async () => {
  for (const id of [
    crypto.randomUUID(),
    '00000000-0000-0000-0000-000000000000',
    crypto.randomUUID().toUpperCase(),
    'x',
    '1',
  ]) {
    expect(await server.outcome('GET', `/v2/team/app/blobs/uploads/${id}`)).toBe('404 BLOB_UPLOAD_UNKNOWN')
  }
})
