import { describe, expect, test } from 'bun:test'
import { send } from './exchange.ts'
import { get } from './fixtures.ts'
import { play } from './row.ts'
import { basic, bearer, guardedHandler, stubAuth } from './stub-auth.ts'
import { AUTHORIZATION } from './tables/authorization.ts'

describe('wire: accounts', () => {
  const handler = guardedHandler()
  for (const row of AUTHORIZATION) test(`${row.id} ${row.title}`, () => play(handler, row))

  test('the log is told whose request it was, refused or not', async () => {
    const account = async (path: string, headers: Record<string, string>) =>
      (await send(handler, get(path, headers)))?.account
    expect(await account('/v2/', bearer('alice'))).toBe('alice')
    expect(await account('/v2/', basic('bob'))).toBe('bob')
    expect(await account('/v2/a/b/manifests/none', bearer('bob'))).toBe('bob')
    expect(await account('/v2/_catalog', bearer('alice-for-nothing'))).toBe('alice')
    expect(await account('/v2/', bearer('nobody'))).toBeUndefined()
    expect(await account('/v2/', bearer('expired'))).toBeUndefined()
    expect(await account('/v2/', {})).toBeUndefined()
  })

  test('SE-17 an authenticator that breaks lets nobody in', async () => {
    const broken = async () => {
      throw new TypeError('the database is not what it was')
    }
    const over = guardedHandler(stubAuth(undefined, { authenticate: broken }))
    for (const path of ['/v2/', '/v2/a/b/tags/list', '/v1/search?q=x', '/token'])
      await expect(send(over, get(path, bearer('alice')))).rejects.toThrow(TypeError)
  })

  test('values of a challenge are quoted, whatever they hold', async () => {
    const auth = { ...stubAuth(), service: 'a "quoted" \\ service' }
    const answer = await send(guardedHandler(auth), get('/v2/'))
    expect(answer?.headers['WWW-Authenticate']).toBe(
      'Bearer realm="http://registry.test/token",service="a \\"quoted\\" \\\\ service"',
    )
  })
})
