import { expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Trial } from './trial.ts'

/** Repositories, rights on them, and what the audit says of it all. */
export function contentCommands(trial: Trial): void {
  const { like, does } = trial

  test('namespace', async () => {
    const { who, api } = trial
    const path = { namespace: 'acme' }
    expect(await like('GET /namespaces/{namespace}', ['namespace', 'show', 'acme'])).toEqual(
      await api.call('GET /namespaces/{namespace}', { path }),
    )
    expect(await who.run(['namespace', 'show', 'acme'])).toContain('organisation acme')
    await does(['namespace', 'set', 'acme', '--public'], 'new repositories of acme are public')
    expect((await api.call('GET /namespaces/{namespace}', { path })).defaultVisibility).toBe('public')
    await like('PATCH /namespaces/{namespace}', ['namespace', 'set', 'acme', '--private'])
    expect((await api.call('GET /namespaces/{namespace}', { path })).defaultVisibility).toBe('private')
  })

  test('repo', async () => {
    const { who, api } = trial
    await does(['repo', 'add', 'acme/web'], 'made the private repository acme/web')
    await does(['repo', 'add', 'acme/web'], 'the private repository acme/web was there already')
    const add = ['repo', 'add', 'nginx', '--public', '--description', 'Web server']
    expect(await like('POST /repositories', add)).toMatchObject({
      name: 'library/nginx',
      visibility: 'public',
      description: 'Web server',
    })
    const readme = join(who.path, 'readme.md')
    writeFileSync(readme, '# Web\n')
    await does(
      ['repo', 'set', 'acme/web', '--public', '--description', 'The web', '--readme', readme],
      'changed the repository acme/web',
    )
    const path = { repository: 'acme/web' }
    const shown = await api.call('GET /repositories/{repository}', { path })
    expect(shown).toMatchObject({ visibility: 'public', description: 'The web', readme: '# Web\n' })
    expect(await like('GET /repositories/{repository}', ['repo', 'show', 'acme/web'])).toEqual(shown)
    await like('PATCH /repositories/{repository}', ['repo', 'set', 'acme/web', '--private'])
    expect(await who.run(['repo', 'list'])).toMatch(
      /acme\/web +private .*\nadmin\/hello .*\nlibrary\/nginx +public/,
    )
    const { items } = await api.call('GET /repositories', { query: { namespace: 'acme' } })
    expect(await who.json(['repo', 'ls', 'acme'])).toEqual({ items })
    expect(await who.run(['repo', 'show', 'nginx'])).toContain('library/nginx')
    expect(await who.run(['namespace', 'show', 'library'])).toContain('the site administrators')
  })

  test('statistics', async () => {
    const { who } = trial
    const month = ['--from', '2027-01-01', '--to', '2027-01-31']
    const pulls = await who.run(['repo', 'pulls', 'admin/hello', ...month])
    expect(pulls).toMatch(/^DAY +TAG +PLATFORM +PULLS +LOOKS +REFERRERS\n$/)
    expect(await who.json(['repo', 'pulls', 'admin/hello'])).toEqual({ items: [] })
    expect(await who.run(['repo', 'pulls', 'admin/hello', '--csv'])).toBe(
      'day,tag,platform,pulls,looks,referrers\r\n',
    )
    expect(await who.json(['repo', 'stars', '--user', 'alice'])).toEqual({ items: [] })
    // Stars are given by people; the operator is none.
    for (const word of ['star', 'unstar']) {
      const { code, stderr } = await who.berth(['repo', word, 'admin/hello'])
      expect([code, stderr]).toEqual([1, expect.stringContaining('stars are given by people')])
    }
  })

  test('tags and manifests', async () => {
    const { who, api } = trial
    const { digest } = trial
    const path = { repository: 'admin/hello' }
    const tags = await api.call('GET /repositories/{repository}/-/tags', { path })
    expect(tags.items.map(({ name }) => name)).toEqual(['one', 'three', 'two'])
    expect(await who.json(['repo', 'tags', 'admin/hello'])).toEqual({ items: tags.items })
    const filtered = await who.run(['repo', 'tags', 'admin/hello', '--filter', 'w'])
    expect(filtered).toMatch(new RegExp(`^TAG .*\ntwo +${digest} `))
    await does(
      ['repo', 'delete-tag', 'admin/hello', 'one', 'two'],
      'deleted the tag admin/hello:one\ndeleted the tag admin/hello:two',
    )
    expect((await api.call('GET /repositories/{repository}/-/tags', { path })).items).toHaveLength(1)
    const { items } = await api.call('GET /repositories/{repository}/-/manifests', { path })
    expect(await who.json(['repo', 'manifests', 'admin/hello'])).toEqual({ items })
    expect(await who.run(['repo', 'manifests', 'admin/hello'])).toContain(digest)
    await does(
      ['repo', 'delete-manifest', 'admin/hello', digest],
      `deleted the manifest admin/hello@${digest}`,
    )
    expect((await api.call('GET /repositories/{repository}/-/manifests', { path })).items).toEqual([])
    expect((await api.call('GET /repositories/{repository}/-/tags', { path })).items).toEqual([])
  })

  test('grant', async () => {
    const { who, api } = trial
    const path = { namespace: 'acme' }
    const added = await who.berth(['grant', 'add', 'team:acme/devs', 'acme/*', 'write'])
    expect(added).toMatchObject({ code: 0, stdout: '' })
    expect(added.stderr).toContain('team:acme/devs may pull, push, create-tag in acme/*')
    // On a repository that is there, and on one that will be.
    const one = await like('POST /namespaces/{namespace}/grants', [
      'grant',
      'add',
      'carol',
      'acme/web',
      'read,delete',
    ])
    expect(one).toMatchObject({ subject: 'user:carol', pattern: 'acme/web', verbs: ['pull', 'delete'] })
    await who.run(['grant', 'add', 'acme+ci', 'acme/later', 'push'])
    const { items } = await api.call('GET /namespaces/{namespace}/grants', { path })
    expect(items.map(({ subject, pattern }) => `${subject} ${pattern}`).sort()).toEqual([
      'robot:acme+ci acme/later',
      'team:acme/devs acme/*',
      'user:carol acme/web',
    ])
    expect(await who.json(['grant', 'list', 'acme'])).toEqual({ items })
    expect(await who.json(['grant', 'list', 'acme', '-n', '1'])).toEqual({ items: items.slice(0, 1) })
    expect((await who.run(['grant', 'ls', 'acme/web'])).split('\n')).toHaveLength(4)
    await does(['grant', 'rm', 'acme/web', `${one.id}`], `took grant ${one.id} back`)
    const team = items.find(({ pattern }) => pattern === 'acme/*')?.id
    await does(['grant', 'remove', 'acme', `${team}`], `took grant ${team} back`)
    expect((await api.call('GET /namespaces/{namespace}/grants', { path })).items).toHaveLength(1)

    const set = ['grant', 'defaults', 'acme', '--set', 'team:acme/devs:write', '--set', 'everyone:read']
    const defaults = await like('PUT /namespaces/{namespace}/default-grants', set)
    expect(await api.call('GET /namespaces/{namespace}/default-grants', { path })).toEqual(defaults as never)
    expect(await who.run(['grant', 'defaults', 'acme'])).toMatch(/everyone +pull\n/)
    await who.run(['grant', 'defaults', 'acme', '--clear'])
    expect(await api.call('GET /namespaces/{namespace}/default-grants', { path })).toMatchObject({
      grants: [],
    })
  })

  test('access explain', async () => {
    const { who } = trial
    const explain = ['access', 'explain', 'carol', 'push', 'acme/web']
    expect(await like('GET /access', explain)).toMatchObject({ allowed: false, subject: 'carol' })
    const refused = await who.berth([...explain, '--check'])
    expect(refused.code).toBe(1)
    expect(refused.stdout).toMatch(/^allowed: no\nbecause: /)
    expect(await who.run(['access', 'explain', 'alice', 'admin', 'acme/web', '--check'])).toContain('yes')
    expect(await who.run(['access', 'explain', 'anyone', 'pull', 'nginx'])).toContain('yes')
    expect(await who.run(['access', 'explain', 'acme+ci', 'push', 'acme/later'])).toContain('yes')
  })

  test('audit', async () => {
    const { who, api } = trial
    const { items } = await api.call('GET /audit', { query: { limit: 3 } })
    expect(await who.json(['audit', '-n', '3'])).toEqual({ items })
    const rows = await who.run(['audit', '--namespace', 'acme', '--actor', 'operator', '--since', '1h'])
    expect(rows).toMatch(/operator +team\.create +\S*acme\/devs +done/)
    expect(rows).not.toContain('user.')
    expect(rows).toMatch(/ DETAIL\n/)
    expect(rows).toMatch(/grant\.set +acme\/\* +done .*subject=team:acme\/devs verbs=pull,push,create-tag/)
    const none = ['audit', '--until', '2020-01-01', '--action', 'user.create', '--json']
    expect(JSON.parse(await who.run(none))).toEqual({ items: [] })
  })
}
