import { expect, test } from 'bun:test'
import { generateKeyPairSync } from 'node:crypto'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Trial } from './trial.ts'

/** Robots, tokens and keys, of `alice` and of `acme+ci`. */
export function credentialCommands(trial: Trial): void {
  const { like, does } = trial

  test('robot', async () => {
    const { who, api } = trial
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
    const { who, api } = trial
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
    const { who, api } = trial
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
    const ours = ['key', 'add', 'mine', '--account', 'alice', '--public-key', pem]
    const remark = await who.berth(ours)
    expect(remark).toMatchObject({ code: 0, stdout: '' })
    expect(remark.stderr).toMatch(
      /^this public key is key \d+ of alice, with the ID [0-9a-f]{64}, .* --account alice\n$/,
    )
    expect((await who.berth(ours)).stderr).toMatch(
      /^this public key was registered already as key \d+ of alice/,
    )
    const twin = await who.berth(ours.with(2, 'twin'))
    expect(twin.code).toBe(1)
    expect(twin.stderr).toContain('registered already, as mine')
    await who.run(['key', 'rm', /key (\d+)/.exec(remark.stderr)?.[1] ?? '', '--account', 'alice'])
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
}
