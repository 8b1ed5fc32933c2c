import { expect, test } from 'bun:test'
import type { Trial } from './trial.ts'

/** What happened to content, how it is undone, and what nobody changes. All is as before behind it. */
export function historyCommands(trial: Trial): void {
  const { like, does } = trial
  const path = { repository: 'admin/hello' }

  test('tag', async () => {
    const { who, api, digest } = trial
    const short = digest.slice(0, 'sha256:'.length + 12)
    await who.run(['repo', 'delete-tag', 'admin/hello', 'one'])
    await like('GET /repositories/{repository}/-/history', ['tag', 'history', 'admin/hello'])
    expect(await who.run(['tag', 'history', 'admin/hello:one'])).toMatch(
      new RegExp(`one .* delete +${short} +– +yes +operator.*\n.*one .* push +– +${short} `),
    )
    const deleted = ['tag', 'deleted', 'admin/hello']
    expect(await like('GET /repositories/{repository}/-/deleted-tags', deleted)).toMatchObject({
      items: [{ tag: 'one', from: digest }],
    })
    await does(['tag', 'restore', 'admin/hello:one'], `admin/hello:one is ${digest} again`)
    const { items } = await api.call('GET /repositories/{repository}/-/history', { path })
    const change = String(items.find(({ kind }) => kind === 'delete')?.id)
    const again = ['tag', 'restore', 'admin/hello:one', '--change', change]
    await does(again, `admin/hello:one is ${digest} already`)
    const redone = await who.berth([...again, '--redo'])
    expect(redone.code).toBe(1)
    expect(redone.stderr).toContain('or was nothing')
    const nothing = await who.berth(['tag', 'restore', 'admin/hello:never'])
    expect(nothing).toMatchObject({ code: 1, stdout: '' })
    expect((await who.berth(['tag', 'restore', 'admin/hello'])).code).toBe(2)
    expect(await who.run(deleted)).not.toContain('one')
  })

  test('immutable tags and protected manifests', async () => {
    const { who, digest } = trial
    await does(
      ['repo', 'immutable', 'admin/hello', 'o*', '!o*-rc'],
      'immutable tags of admin/hello: o* !o*-rc',
    )
    const refused = await who.berth(['repo', 'delete-tag', 'admin/hello', 'one'])
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('tag one of admin/hello is immutable')
    expect(await who.run(['repo', 'immutable', 'admin/hello'])).toMatch(/o\* !o\*-rc\n.*the repository\n/)
    await does(['namespace', 'immutable', 'admin', 'v*'], 'immutable tags of admin: v*')
    expect(await who.run(['namespace', 'immutable', 'admin'])).toContain('v*')
    await does(['repo', 'immutable', 'admin/hello', '--inherit'], 'immutable tags of admin/hello: v*')
    const none = ['repo', 'immutable', 'admin/hello', '--none']
    expect(await like('PUT /repositories/{repository}/-/immutable-tags', none)).toMatchObject({ own: [] })
    await does(['namespace', 'immutable', 'admin', '--none'], 'immutable tags of admin: none')
    expect((await who.berth([...none, 'v*'])).code).toBe(2)
    expect((await who.berth(['repo', 'immutable', 'admin/hello', 'a b'])).stderr).toContain('"a b"')

    const protect = ['repo', 'protect', 'admin/hello', digest, '--reason', 'shipped']
    await does(protect, `protected admin/hello@${digest}`)
    expect(await who.run(['repo', 'protected', 'admin/hello'])).toMatch(new RegExp(`${digest} .* shipped\n`))
    const kept = await who.berth(['repo', 'delete-manifest', 'admin/hello', digest])
    expect(kept.stderr).toContain('(shipped)')
    await does(['repo', 'release', 'admin/hello', digest], `released admin/hello@${digest}`)
  })

  test('repositories that go, come back and are renamed', async () => {
    const { who, api, digest } = trial
    await does(['repo', 'rename', 'admin/hello', 'admin/hi'], 'admin/hello is now called admin/hi')
    expect(await who.run(['repo', 'show', 'admin/hello'])).toContain('admin/hi')
    await does(['repo', 'mv', 'admin/hi', 'admin/hello'], 'admin/hi is now called admin/hello')
    await who.run(['repo', 'delete', 'admin/hello'])
    await trial.gone(api.call('GET /repositories/{repository}', { path }))
    const deleted = ['repo', 'deleted', 'admin']
    const { items } = await like('GET /namespaces/{namespace}/deleted-repositories', deleted)
    const [{ id }] = items as [{ id: number }]
    expect(await who.run(deleted)).toContain('admin/hello')
    await does(['repo', 'restore', `admin#${id}`, '--as', 'admin/back'], 'restored the repository admin/back')
    await who.run(['repo', 'rm', 'admin/back'])
    expect((await who.berth(['repo', 'restore', 'admin/hello'])).stderr).toContain('repo deleted admin')
    await does(
      ['repo', 'restore', 'admin/back', '--as', 'admin/hello'],
      'restored the repository admin/hello',
    )
    const tags = await api.call('GET /repositories/{repository}/-/tags', { path })
    expect(tags.items.map((tag) => tag.digest)).toEqual([digest, digest, digest])
    await does(
      ['namespace', 'set', 'admin', '--undo', '30d'],
      'changed how long changes of admin can be undone',
    )
    expect(await who.run(['namespace', 'show', 'admin'])).toContain('2592000 s')
    await who.run(['namespace', 'set', 'admin', '--undo', 'default'])
    expect(await who.run(['namespace', 'show', 'admin'])).toContain('as the site has it')
  })
}
