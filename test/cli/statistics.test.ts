import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { apiClient } from '../../src/api/client.ts'
import { basic } from '../access/world.ts'
import { type BerthServer, startBerth } from '../testbed/berth.ts'
import { type Person, person } from './command.ts'
import { pushImage } from './content.ts'

setDefaultTimeout(60_000)

const stack = new AsyncDisposableStack()
let server: BerthServer
let who: Person
let digest: string

beforeAll(async () => {
  server = stack.use(await startBerth({ accounts: true, env: { BERTH_USES_SECONDS: '0.05' } }))
  digest = await pushImage(server, 'admin/hello', ['one', 'two'])
  const { name, password } = server.admin
  const api = apiClient({ base: server.url, headers: basic([name, password]) })
  const everything = [{ pattern: '**', verbs: ['admin' as const] }]
  const path = { user: name }
  const { secret } = await api.call('POST /users/{user}/tokens', {
    path,
    body: { name: 't', scopes: everything },
  })
  who = stack.use(await person({ BERTH_SERVER: server.url, BERTH_TOKEN: secret }))
})
afterAll(() => stack.disposeAsync())

test('what was pulled is printed as a table, as JSON and as CSV', async () => {
  const headers = basic([server.admin.name, server.admin.password])
  for (const tag of ['one', 'one', 'two'])
    await fetch(`${server.url}/v2/admin/hello/manifests/${tag}`, { headers })
  const pulls = async () =>
    (
      await who.json<{ items: { tag: string; pulls: number; day: string }[] }>([
        'repo',
        'pulls',
        'admin/hello',
      ])
    ).items
  let items = await pulls()
  for (const until = Date.now() + 20_000; items.length < 2 && Date.now() < until; ) items = await pulls()
  expect(items.map(({ tag, pulls }) => [tag, pulls])).toEqual([
    ['one', 2],
    ['two', 1],
  ])
  const { day } = items[0] as (typeof items)[0]
  expect(await who.run(['repo', 'pulls', 'admin/hello', '--csv'])).toBe(
    `day,tag,platform,pulls,looks,referrers\r\n${day},one,,2,0,0\r\n${day},two,,1,0,0\r\n`,
  )
  const table = await who.berth(['repo', 'pulls', 'admin/hello', '-n', '1'])
  expect(table.stdout).toMatch(/^DAY .*\n\S+ +one +2 +0 +0\n$/)
  expect(table.stderr).toBe('in all 3 pulls, 0 looks, 0 uses of referrers\n')
  const both = await who.berth(['repo', 'pulls', 'admin/hello', '--csv', '--json'])
  expect([both.code, both.stdout]).toEqual([2, ''])
  expect(await who.run(['repo', 'show', 'admin/hello'])).toMatch(/^pulls: +3$/m)
  expect(await who.run(['repo', 'tags', 'admin/hello'])).toMatch(/^one +sha256:\S+ .* UTC +\S+ \S+ UTC$/m)
  expect(await who.run(['repo', 'manifests', 'admin/hello'])).toContain(digest)
})

test('stars are given, listed and taken back', async () => {
  const starred = await who.berth(['repo', 'star', 'admin/hello'])
  expect(starred).toMatchObject({ code: 0, stdout: '', stderr: 'starred admin/hello\n' })
  expect(await who.json(['repo', 'stars'])).toEqual({ items: ['admin/hello'] })
  expect(await who.run(['repo', 'show', 'admin/hello'])).toMatch(/^stars: +1$/m)
  const unstarred = await who.berth(['repo', 'unstar', 'admin/hello'])
  expect(unstarred).toMatchObject({ code: 0, stderr: 'took the star of admin/hello back\n' })
  expect(await who.run(['repo', 'stars'])).toBe('REPOSITORY\n')
})
