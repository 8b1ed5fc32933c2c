import { expect, test } from 'bun:test'
import { CAUSE, OPERATES, openApi } from './fixture.ts'

test('a namespace says whose it is, and what new repositories are', async () => {
  await using api = await openApi()
  const olga = await api.user('olga')
  await api.user('otto')
  await api.store.createOrganisation({ name: 'acme', owner: 'olga' }, CAUSE)
  const path = { namespace: 'acme' }
  const shown = await api.call('GET /namespaces/{namespace}', { as: olga, path })
  expect(shown.result).toMatchObject({
    name: 'acme',
    owner: { kind: 'organisation', name: 'acme' },
    defaultVisibility: 'private',
  })
  const { version } = shown.result
  expect(shown.headers.get('ETag')).toBe(`"${version}"`)

  const change = (body: object, at = version) =>
    api.call('PATCH /namespaces/{namespace}', { as: olga, path, body: body as never, version: at })
  const changed = await change({ defaultVisibility: 'public' })
  expect(changed.result).toMatchObject({ defaultVisibility: 'public', version: version + 1 })
  expect((await change({ defaultVisibility: 'private' })).status).toBe(412)
  expect((await change({ defaultVisibility: 'hidden' }, version + 1)).status).toBe(400)
  expect((await change({ defaultVisibility: 'private', owner: 'otto' }, version + 1)).status).toBe(400)
  const made = await api.call('POST /repositories', { as: olga, body: { name: 'acme/web' } })
  expect(made.result.visibility).toBe('public')

  const get = (namespace: string, as = olga) =>
    api.call('GET /namespaces/{namespace}', { as, path: { namespace } })
  expect((await get('olga')).result.owner).toEqual({ kind: 'user', name: 'olga' })
  expect((await get('otto')).status).toBe(403)
  expect((await get('nowhere')).status).toBe(403)
  expect((await get('nowhere', OPERATES)).status).toBe(404)
})
