import { describe, expect, test } from 'bun:test'
import { parseRepoName } from '../../src/core/names.ts'
import { type Verb, verbSet } from '../../src/core/verbs.ts'
import { pushTo } from './content.ts'
import { CAUSE, DAY, NOW, OPERATES, openApi, type Proof, type TestApi } from './fixture.ts'

/** An organisation `acme` of olga's, with acme/web; rita may pull, will push, adam administer acme/web, and otto nothing. */
async function opened(): Promise<TestApi & Record<'olga' | 'rita' | 'will' | 'adam' | 'otto', Proof>> {
  const api = await openApi()
  const people = {
    olga: await api.user('olga'),
    rita: await api.user('rita'),
    will: await api.user('will'),
    adam: await api.user('adam'),
    otto: await api.user('otto'),
  }
  await api.store.createOrganisation({ name: 'acme', owner: 'olga' }, CAUSE)
  const grants: readonly (readonly [string, Verb])[] = [
    ['rita', 'pull'],
    ['will', 'push'],
    ['adam', 'admin'],
  ]
  for (const [name, verb] of grants) {
    const grant = { namespace: 'acme', subject: `user:${name}`, pattern: 'acme/web', verbs: verbSet([verb]) }
    await api.store.setGrant(grant, CAUSE)
  }
  return { ...api, ...people }
}
const WEB = { repository: 'acme/web' }

describe('the history of tags', () => {
  test('tells whoever may pull what happened, who may push whose doing it was, and who administers from where', async () => {
    await using api = await opened()
    const { digest } = await pushTo(api.store, 'acme/web', ['v1'])
    const told = async (as: Proof) =>
      (await api.call('GET /repositories/{repository}/-/history', { as, path: WEB })).result.items[0]
    const event = { id: 1, tag: 'v1', kind: 'push', from: null, to: digest, restorable: false }
    const at = new Date(NOW).toISOString()
    expect(await told(api.rita)).toEqual({ ...event, at } as never)
    expect(await told(api.will)).toEqual({ ...event, at, actor: 'anonymous' } as never)
    expect(await told(api.adam)).toEqual({
      ...event,
      at,
      actor: 'anonymous',
      address: '',
      agent: '',
    } as never)
  })

  test('is undone by who may push, and by nobody else', async () => {
    await using api = await opened()
    const first = await pushTo(api.store, 'acme/web', ['v1'])
    await pushTo(api.store, 'acme/web', ['v1', 'v2'])
    const path = { ...WEB, tag: 'v1' }
    const events = await api.call('GET /repositories/{repository}/-/tags/{tag}/history', {
      as: api.rita,
      path,
      query: { limit: '1' },
    })
    const event = events.result.items[0]?.id as number
    expect(events.result.next).toBe(String(event))
    const restore = (as: Proof, body: object = { event }) =>
      api.call('POST /repositories/{repository}/-/tags/{tag}/restore', { as, path, body: body as never })
    expect((await restore(api.rita)).status).toBe(403)
    expect((await restore(api.will)).result).toEqual({ name: 'v1', digest: first.digest, changed: true })
    expect((await restore(api.will)).result.changed).toBe(false)
    expect((await restore(api.will, { event: 99 })).status).toBe(404)
    expect((await restore(api.will, { event: 0 })).status).toBe(400)
    const fixed = { as: api.adam, path: WEB, body: { patterns: ['v?'] } }
    await api.call('PUT /repositories/{repository}/-/immutable-tags', fixed)
    const refused = await restore(api.will, { event, side: 'to' })
    expect([refused.status, refused.problem.type]).toEqual([409, 'urn:berth:problem:tag-immutable'])
    await api.store.setImmutable({ repo: parseRepoName('acme/web'), patterns: [] }, CAUSE)
    const deleted = { as: api.adam, path }
    await api.call('DELETE /repositories/{repository}/-/tags/{tag}', deleted)
    const gone = await api.call('GET /repositories/{repository}/-/deleted-tags', { as: api.rita, path: WEB })
    expect(gone.result.items.map(({ tag, from }) => [tag, from])).toEqual([['v1', first.digest]])
    const latest = await api.call('GET /repositories/{repository}/-/history', { as: api.adam, path: WEB })
    expect(latest.result.items[0]).toMatchObject({ actor: 'adam', address: '203.0.113.7', agent: 'test/1' })
  })
})

describe('a repository', () => {
  test('is deleted by who administers it, and restored by who owns the namespace, in time', async () => {
    await using api = await opened()
    await pushTo(api.store, 'acme/web', ['v1'])
    const remove = (as: Proof) => api.call('DELETE /repositories/{repository}', { as, path: WEB })
    expect([(await remove(api.will)).status, (await remove(api.adam)).status]).toEqual([403, 204])
    expect((await remove(api.adam)).status).toBe(404)
    const path = { namespace: 'acme' }
    const list = (as: Proof) => api.call('GET /namespaces/{namespace}/deleted-repositories', { as, path })
    expect((await list(api.adam)).status).toBe(403)
    const [row] = (await list(api.olga)).result.items
    expect(row).toMatchObject({ name: 'acme/web', until: new Date(NOW + 14 * DAY).toISOString() })
    const restore = (as: Proof, body: object = {}, id = String(row?.id)) =>
      api.call('POST /namespaces/{namespace}/deleted-repositories/{id}/restore', {
        as,
        path: { ...path, id },
        body: body as never,
      })
    expect((await restore(api.adam)).status).toBe(403)
    expect((await restore(api.olga, {}, 'x')).status).toBe(404)
    expect((await restore(api.olga, { name: 'olga/web' })).problem.errors?.[0]?.at).toBe('name')
    await pushTo(api.store, 'acme/web', ['v1'])
    expect((await restore(api.olga)).detail).toContain('there is a repository acme/web already')
    await api.call('PATCH /namespaces/{namespace}', { as: api.olga, path, body: { undoSeconds: 60 } })
    api.clock.time += 60_000
    expect([(await list(api.olga)).result.items, (await restore(api.olga)).status]).toEqual([[], 404])
    await api.call('PATCH /namespaces/{namespace}', { as: api.olga, path, body: { undoSeconds: null } })
    expect((await restore(api.olga, { name: 'acme/old' })).result).toEqual({ name: 'acme/old' })
  })

  test('is renamed by who administers both names', async () => {
    await using api = await opened()
    await pushTo(api.store, 'acme/web', ['v1'])
    await pushTo(api.store, 'acme/taken', ['v1'])
    const rename = (as: Proof, to: string) =>
      api.call('POST /repositories/{repository}/-/rename', { as, path: WEB, body: { to } })
    expect((await rename(api.adam, 'acme/site')).status).toBe(403)
    expect((await rename(api.adam, 'adam/web')).status).toBe(200)
    // Its old name is acme's again, and adam's rights there were rights on what has left.
    const seen = async (as: Proof, repository: string) =>
      api.call('GET /repositories/{repository}', { as, path: { repository } })
    expect((await seen(api.adam, 'acme/web')).result.name).toBe('adam/web')
    const [former, never] = [await seen(api.rita, 'acme/web'), await seen(api.rita, 'acme/wes')]
    expect(former.status).toBe(403)
    expect(former.detail.replaceAll('acme/web', 'acme/wes')).toBe(never.detail)
    expect((await seen(api.olga, 'acme/web')).detail).not.toContain('adam')
    const made = (as: Proof) => api.call('POST /repositories', { as, body: { name: 'acme/web' } })
    expect((await made(api.rita)).status).toBe(403)
    expect((await made(api.olga)).status).toBe(201)
    expect((await seen(api.olga, 'acme/web')).result.name).toBe('acme/web')
    expect((await rename(api.olga, 'acme/taken')).status).toBe(409)
    expect((await rename(api.olga, 'Acme/x')).problem.errors?.[0]?.at).toBe('to')
    expect((await rename(OPERATES, 'nobodys-own/x')).status).toBe(404)
  })
})

describe('what nobody changes', () => {
  test('is said by patterns, with a version, and may be looked at by who may pull', async () => {
    await using api = await opened()
    await pushTo(api.store, 'acme/web', ['v1'])
    const set = (as: Proof, patterns: readonly string[] | null, version?: number) =>
      api.call('PUT /repositories/{repository}/-/immutable-tags', {
        as,
        path: WEB,
        body: { patterns },
        ...(version !== undefined && { version }),
      })
    expect((await set(api.will, ['v*'])).status).toBe(403)
    const { result } = await set(api.adam, ['v*', '!v*-rc'])
    expect(result).toMatchObject({ patterns: ['v*', '!v*-rc'], own: ['v*', '!v*-rc'], namespace: [] })
    expect((await set(api.adam, [], result.version + 1)).status).toBe(412)
    const bad = await set(api.adam, ['v*', 'a/b'])
    expect([bad.status, bad.problem.errors?.[0]?.at]).toEqual([400, 'patterns.1'])
    expect(
      (
        await set(
          api.adam,
          Array.from({ length: 51 }, () => 'v'),
        )
      ).status,
    ).toBe(400)
    expect(
      (
        await set(
          api.adam,
          Array.from({ length: 50 }, () => 'v'),
        )
      ).status,
    ).toBe(200)
    const ofNamespace = { as: api.olga, path: { namespace: 'acme' } }
    const all = await api.call('PUT /namespaces/{namespace}/immutable-tags', {
      ...ofNamespace,
      body: { patterns: ['*'] },
    })
    expect(all.result.patterns).toEqual(['*'])
    expect((await set(api.adam, null)).result).toMatchObject({ own: null, patterns: ['*'], namespace: ['*'] })
    const seen = await api.call('GET /repositories/{repository}/-/immutable-tags', {
      as: api.rita,
      path: WEB,
    })
    expect(seen.result.patterns).toEqual(['*'])
  })

  test('a protected manifest is told with its reason to who would delete it', async () => {
    await using api = await opened()
    const { digest } = await pushTo(api.store, 'acme/web', ['v1'])
    const path = { ...WEB, digest }
    const protect = (as: Proof) =>
      api.call('PUT /repositories/{repository}/-/protected-manifests/{digest}', {
        as,
        path,
        body: { reason: 'runs at a customer' },
      })
    expect([(await protect(api.will)).status, (await protect(api.adam)).status]).toEqual([403, 204])
    const remove = () =>
      api.call('DELETE /repositories/{repository}/-/manifests/{digest}', { as: api.adam, path })
    const refused = await remove()
    expect([refused.status, refused.problem.type]).toEqual([409, 'urn:berth:problem:protected'])
    expect(refused.detail).toContain('(runs at a customer)')
    const deleted = await api.call('DELETE /repositories/{repository}', { as: api.adam, path: WEB })
    expect(deleted.problem.type).toBe('urn:berth:problem:protected')
    const release = () =>
      api.call('DELETE /repositories/{repository}/-/protected-manifests/{digest}', { as: api.adam, path })
    expect([(await release()).status, (await release()).status]).toEqual([204, 404])
    expect((await remove()).status).toBe(204)
  })
})
