import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { generateKeyPairSync } from 'node:crypto'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ApiClient, ApiError } from '../../src/api/client.ts'
import { CONTRACT, type Endpoint } from '../../src/api/contract/contract.ts'
import type { Route } from '../../src/api/contract/route.ts'
import { rejection } from '../suite/metadata/fixture.ts'
import type { Person } from './command.ts'
import { LEAVES } from './leaves.ts'

/** A registry with the user `admin`, and an image in `admin/hello` under the tags `one`, `two` and `three`. */
export interface Subject extends AsyncDisposable {
  /** Whose commands reach the registry as its operator. */
  readonly who: Person
  /** What the API says beside the commands. */
  readonly api: ApiClient
  readonly digest: string
}

/** What another test file is about; a browser’s session takes a browser. */
const ELSEWHERE = new Set(['login', 'logout', 'user end-session'])
const PASSWORD = 'correct horse battery'

// Each test runs some twenty commands, and each command is a process.
setDefaultTimeout(120_000)

/** Runs every command at least once, and asks the API what came of it. */
export function commandSuite(title: string, make: () => Promise<Subject>): void {
  describe(title, () => {
    let subject: Subject
    let who: Person
    let api: ApiClient
    beforeAll(async () => {
      subject = await make()
      ;({ who, api } = subject)
    })
    afterAll(() => subject[Symbol.asyncDispose]())

    /** What a command prints as JSON is what the contract says of an endpoint. */
    const like = async (endpoint: Endpoint, args: readonly string[], input?: string) => {
      const result = await who.json(args, input === undefined ? {} : { input })
      ;(CONTRACT[endpoint] as Route).result?.parse(result)
      return result
    }
    /** A command that says what it did on standard error, and nothing on standard output. */
    const does = async (args: readonly string[], remark: string, input?: string) => {
      const { code, stdout, stderr } = await who.berth(args, input === undefined ? {} : { input })
      expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '', stderr: `${remark}\n` })
    }
    const gone = async (asking: Promise<unknown>) => {
      const error = await rejection(asking)
      expect(error).toBeInstanceOf(ApiError)
      expect((error as ApiError).status).toBe(404)
    }

    test('whoami', async () => {
      expect(await like('GET /session', ['whoami'])).toMatchObject({ kind: 'operator' })
      expect(await who.run(['whoami'])).toContain('operator')
    })

    test('user', async () => {
      const add = ['user', 'add', 'alice', '--password-stdin', '--email', 'a@example.com']
      await does([...add, '--display-name', 'Alice A'], 'made the user alice', `${PASSWORD}\n`)
      const made = await like('POST /users', ['user', 'add', 'bob', '--password-stdin', '--admin'], PASSWORD)
      expect(made).toMatchObject({ name: 'bob', administrator: true })
      const again = await who.berth(add, { input: PASSWORD })
      expect({ code: again.code, stdout: again.stdout }).toEqual({ code: 1, stdout: '' })
      expect(again.stderr).toMatch(/^berth: .*alice/)

      const shown = await api.call('GET /users/{user}', { path: { user: 'alice' } })
      expect(shown).toMatchObject({ displayName: 'Alice A', email: 'a@example.com', administrator: false })
      expect(await like('GET /users/{user}', ['user', 'show', 'alice'])).toEqual(shown)
      expect(await who.run(['user', 'show', 'alice'])).toContain('display name: ')
      expect(await like('GET /users', ['user', 'list'])).toEqual({
        items: (await api.call('GET /users')).items,
      })
      const table = await who.run(['user', 'ls', '--filter', 'lic'])
      expect(table.split('\n')[0]).toMatch(/^NAME +DISPLAY NAME +ADMINISTRATOR +SINCE$/)
      expect(table.split('\n')).toHaveLength(3)
      expect((await who.json<{ items: unknown[] }>(['user', 'ls', '-n', '2'])).items).toHaveLength(2)

      await does(
        ['user', 'set', 'bob', '--no-admin', '--disable', '--description', 'b'],
        'changed the user bob',
      )
      expect(await api.call('GET /users/{user}', { path: { user: 'bob' } })).toMatchObject({
        administrator: false,
        disabled: true,
        description: 'b',
      })
      expect(await like('PATCH /users/{user}', ['user', 'set', 'bob', '--enable'])).toMatchObject({
        disabled: false,
      })
      await does(
        ['user', 'password', 'bob', '--password-stdin'],
        'set the password of bob',
        `new ${PASSWORD}`,
      )
      await does(['user', 'rm', 'bob'], 'removed the user bob')
      await gone(api.call('GET /users/{user}', { path: { user: 'bob' } }))
      expect((await who.json<{ items: unknown[] }>(['user', 'sessions', 'alice'])).items).toEqual([])
      expect((await who.berth(['user', 'end-session', 'alice', '999'])).code).toBe(1)
    })

    test('one-time links', async () => {
      const links = [
        await who.berth(['user', 'add', 'carol', '--link']),
        await who.berth(['user', 'reset-link', 'carol']),
        await who.berth(['user', 'invite', '--days', '3']),
      ]
      for (const { code, stdout, stderr } of links) {
        expect(code).toBe(0)
        // The link alone can be piped.
        expect(stdout).toMatch(/^http:\/\/\S+berth_lnk_\w+\n$/)
        expect(stderr).toContain('hand this link on')
      }
      expect(await like('POST /invitations', ['user', 'invite'])).toMatchObject({ purpose: 'invitation' })
      const open = (await api.call('GET /invitations')).items
      expect(await like('GET /invitations', ['link', 'list'])).toEqual({ items: open })
      const id = open.find(({ purpose }) => purpose === 'invitation')?.id
      await does(['link', 'revoke', String(id)], `withdrew invitation ${id}`)
      expect((await api.call('GET /invitations')).items).toHaveLength(open.length - 1)
    })

    test('org', async () => {
      await does(['org', 'add', 'acme', '--owner', 'alice'], 'made the organisation acme')
      const other = ['org', 'add', 'other', '--owner', 'alice', '--description', 'd', '--display-name', 'O']
      await like('POST /organisations', other)
      const path = { organisation: 'acme' }
      await does(['org', 'set', 'acme', '--description', 'Anvils'], 'changed the organisation acme')
      const shown = await api.call('GET /organisations/{organisation}', { path })
      expect(shown.description).toBe('Anvils')
      expect(await like('GET /organisations/{organisation}', ['org', 'show', 'acme'])).toEqual(shown)
      expect(await who.run(['org', 'show', 'acme'])).toContain('Anvils')
      const names = (await who.json<{ items: { name: string }[] }>(['org', 'list'])).items.map((o) => o.name)
      expect(names).toEqual(['acme', 'other'])
      await does(['org', 'rm', 'other'], 'removed the organisation other')
      await gone(api.call('GET /organisations/{organisation}', { path: { organisation: 'other' } }))

      await does(['org', 'add-member', 'acme', 'carol'], 'carol is a member of acme')
      const put = 'PUT /organisations/{organisation}/members/{user}'
      await like(put, ['org', 'add-member', 'acme', 'admin', '--role', 'owner'])
      const members = await api.call('GET /organisations/{organisation}/members', { path })
      expect(members.items).toContainEqual({ user: 'admin', role: 'owner' })
      expect(await who.json(['org', 'members', 'acme'])).toEqual({ items: members.items })
      await does(['org', 'remove-member', 'acme', 'admin'], 'admin is no member of acme any more')
      expect((await api.call('GET /organisations/{organisation}/members', { path })).items).toHaveLength(2)

      const invite = ['org', 'invite', 'acme', '--role', 'owner', '--days', '1']
      expect(await like('POST /organisations/{organisation}/invitations', invite)).toMatchObject({
        role: 'owner',
      })
      expect(await who.run(['link', 'ls', '--org', 'acme'])).toContain('owner of acme')
      const [link] = (await api.call('GET /organisations/{organisation}/invitations', { path })).items
      await does(['link', 'rm', `${link?.id}`, '--org', 'acme'], `withdrew invitation ${link?.id}`)
      expect((await api.call('GET /organisations/{organisation}/invitations', { path })).items).toEqual([])
    })

    test('team', async () => {
      await does(['team', 'add', 'acme/devs'], 'made the team acme/devs')
      await like('POST /organisations/{organisation}/teams', [
        'team',
        'add',
        'acme/ops',
        '--description',
        'o',
      ])
      await does(['team', 'set', 'acme/devs', '--description', 'Developers'], 'changed the team acme/devs')
      const both = ['team', 'add-member', 'acme/devs', 'carol', 'alice']
      await does(both, 'carol is in the team acme/devs\nalice is in the team acme/devs')
      await does(['team', 'remove-member', 'acme/devs', 'alice'], 'alice is in the team acme/devs no more')
      const path = { organisation: 'acme', team: 'devs' }
      const shown = await api.call('GET /organisations/{organisation}/teams/{team}', { path })
      expect(shown).toMatchObject({ description: 'Developers', members: ['carol'] })
      expect(await who.json(['team', 'show', 'acme/devs'])).toEqual(shown as never)
      expect(await who.run(['team', 'show', 'acme/devs'])).toContain('carol')
      expect(await who.run(['team', 'list', 'acme'])).toMatch(/acme\/devs .*\nacme\/ops /)
      await does(['team', 'remove', 'acme/ops'], 'removed the team acme/ops')
      const teams = await api.call('GET /organisations/{organisation}/teams', { path })
      expect(teams.items.map(({ name }) => name)).toEqual(['devs'])
    })

    test('robot', async () => {
      const first = await who.berth(['robot', 'add', 'acme+ci', '--description', 'builds'])
      expect(first.stdout).toMatch(/^berth_rob_\w{46}\n$/)
      expect(first.stderr).toContain('made the robot acme+ci')
      const quiet = await who.berth(['robot', 'rotate', 'acme+ci', '--expires', '30d', '--quiet'])
      expect(quiet).toMatchObject({ code: 0, stderr: '' })
      expect(quiet.stdout).toMatch(/^berth_rob_\w{46}\n$/)
      const path = { namespace: 'acme', robot: 'ci' }
      const { items } = await api.call('GET /namespaces/{namespace}/robots/{robot}/secrets', { path })
      expect(items.map(({ expiresAt }) => expiresAt === null)).toEqual([false, true])
      expect(await who.json(['robot', 'secrets', 'acme+ci'])).toEqual({ items })
      const last = String(items[1]?.id)
      await does(['robot', 'revoke-secret', 'acme+ci', last], `revoked secret ${last} of acme+ci`)
      await does(['robot', 'disable', 'acme+ci'], 'the robot acme+ci is disabled')
      await does(['robot', 'set', 'acme+ci', '--description', 'tests'], 'changed the robot acme+ci')
      expect(
        await like('GET /namespaces/{namespace}/robots/{robot}', ['robot', 'show', 'acme+ci']),
      ).toMatchObject({ disabled: true, description: 'tests' })
      await does(['robot', 'enable', 'acme+ci'], 'the robot acme+ci is enabled')
      const robots = (await api.call('GET /namespaces/{namespace}/robots', { path })).items
      expect(robots[0]?.disabled).toBe(false)
      expect(await who.json(['robot', 'list', 'acme'])).toEqual({ items: robots })
      await like('POST /namespaces/{namespace}/robots', ['robot', 'add', 'alice+mine'])
      await does(['robot', 'rm', 'alice+mine'], 'removed the robot alice+mine')
      expect((await who.json<{ items: unknown[] }>(['robot', 'ls', 'alice'])).items).toEqual([])
    })

    test('token', async () => {
      const add = ['token', 'add', 'laptop', '--user', 'alice', '--scope', 'acme/**:write']
      const made = await who.berth([
        ...add,
        '--scope',
        'alice/*:pull',
        '--from',
        '127.0.0.0/8',
        '--from',
        '::1',
      ])
      expect(made.stdout).toMatch(/^berth_pat_\w{46}\n$/)
      expect(made.stderr).toContain('of alice')
      const path = { user: 'alice' }
      const { items } = await api.call('GET /users/{user}/tokens', { path })
      expect(items).toMatchObject([{ name: 'laptop', networks: ['127.0.0.0/8', '::1'], expiresAt: null }])
      expect(items[0]?.scopes.map(({ pattern }) => pattern)).toEqual(['acme/**', 'alice/*'])
      expect(await who.json(['token', 'list', '--user', 'alice'])).toEqual({ items })
      const dated = [...add.with(2, 'other'), '--expires', '2099-01-31']
      expect(await like('POST /users/{user}/tokens', dated)).toMatchObject({
        name: 'other',
        expiresAt: '2099-01-31T00:00:00.000Z',
      })
      const table = await who.run(['token', 'ls', '--user', 'alice'])
      expect(table).toContain('alice/*:pull')
      expect(table).not.toContain(made.stdout.trim())
      const id = String(items[0]?.id)
      await does(['token', 'revoke', id, '--user', 'alice'], `revoked token ${id} of alice`)
      expect((await api.call('GET /users/{user}/tokens', { path })).items).toHaveLength(1)
      // The operator is nobody who could have one.
      const { code, stderr } = await who.berth(['token', 'list'])
      expect(code).toBe(1)
      expect(stderr).toContain('--user NAME')
    })

    test('key', async () => {
      const file = join(who.path, 'key.json')
      const add = ['key', 'add', 'build', '--account', 'acme+ci', '--out', file]
      const made = await who.berth(add)
      expect(made).toMatchObject({ code: 0, stdout: '' })
      expect(statSync(file).mode & 0o777).toBe(0o600)
      expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ account: 'acme+ci' })
      // Nothing is written over, and no key is made for nothing.
      const again = await who.berth(add.with(2, 'again'))
      expect(again.code).toBe(1)
      expect(again.stderr).toContain('exists already')
      const path = { namespace: 'acme', robot: 'ci' }
      const { items } = await api.call('GET /namespaces/{namespace}/robots/{robot}/keys', { path })
      expect(items.map(({ name }) => name)).toEqual(['build'])
      expect(await who.json(['key', 'list', '--account', 'acme+ci'])).toEqual({ items })
      // One that is refused leaves no empty file.
      const refused = join(who.path, 'refused.json')
      expect((await who.berth([...add.slice(0, -1), refused])).code).toBe(1)
      expect(existsSync(refused)).toBe(false)

      const printed = await who.run(['robot', 'key', 'acme+ci', 'printed'])
      expect(JSON.parse(printed)).toMatchObject({ account: 'acme+ci' })
      const { publicKey } = generateKeyPairSync('ed25519')
      const pem = join(who.path, 'public.pem')
      writeFileSync(pem, publicKey.export({ type: 'spki', format: 'pem' }))
      const mine = ['key', 'add', 'mine', '--account', 'alice', '--public-key', pem, '--expires', '90d']
      const registered = await like('POST /users/{user}/keys', mine)
      expect(registered).not.toHaveProperty('file')
      const alice = { user: 'alice' }
      const [key] = (await api.call('GET /users/{user}/keys', { path: alice })).items
      expect(key?.expiresAt).not.toBeNull()
      expect(await who.run(['key', 'ls', '--account', 'alice'])).toContain('mine')
      await does(['key', 'rm', `${key?.id}`, '--account', 'alice'], `revoked key ${key?.id} of alice`)
      expect((await api.call('GET /users/{user}/keys', { path: alice })).items).toEqual([])
      const robots = `${items[0]?.id}`
      await does(['key', 'revoke', robots, '--account', 'acme+ci'], `revoked key ${robots} of acme+ci`)
    })

    test('namespace', async () => {
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
      await does(['repo', 'add', 'acme/web'], 'made the private repository acme/web')
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

    test('tags and manifests', async () => {
      const { digest } = subject
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
      expect(await api.call('GET /namespaces/{namespace}/default-grants', { path })).toEqual(
        defaults as never,
      )
      expect(await who.run(['grant', 'defaults', 'acme'])).toMatch(/everyone +pull\n/)
      await who.run(['grant', 'defaults', 'acme', '--clear'])
      expect(await api.call('GET /namespaces/{namespace}/default-grants', { path })).toEqual({ grants: [] })
    })

    test('access explain', async () => {
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
      const { items } = await api.call('GET /audit', { query: { limit: 3 } })
      expect(await who.json(['audit', '-n', '3'])).toEqual({ items })
      const rows = await who.run(['audit', '--namespace', 'acme', '--actor', 'operator', '--since', '1h'])
      expect(rows).toMatch(/operator +team\.create +\S*acme\/devs +done/)
      expect(rows).not.toContain('user.')
      const none = ['audit', '--until', '2020-01-01', '--action', 'user.create', '--json']
      expect(JSON.parse(await who.run(none))).toEqual({ items: [] })
    })

    test('what a robot was takes part in nothing any more', async () => {
      await does(['robot', 'remove', 'acme+ci'], 'removed the robot acme+ci')
      await gone(
        api.call('GET /namespaces/{namespace}/robots/{robot}', { path: { namespace: 'acme', robot: 'ci' } }),
      )
    })

    test('no command was left out', () => {
      const missing = [...LEAVES]
        .filter(([words]) => !ELSEWHERE.has(words.join(' ')))
        .filter(([[group, word], command]) => {
          const names = [word, ...command.aliases()]
          return !who.ran.some((args) => args[0] === group && (word === undefined || names.includes(args[1])))
        })
      expect(missing.map(([words]) => words.join(' '))).toEqual([])
    })
  })
}
