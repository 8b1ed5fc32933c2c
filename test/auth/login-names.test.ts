import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { loginAliases, readLoginName } from '../../src/auth/aliases.ts'
import { type Authorization, readAuthorization } from '../../src/auth/basic.ts'
import { newSecret, SECRET_PREFIXES, type SecretKind } from '../../src/auth/secrets.ts'
import { parseAccountName } from '../../src/core/account-names.ts'

const GUID = '00000000-0000-0000-0000-000000000000'
const base64 = (text: string | Uint8Array) => Buffer.from(text as string).toString('base64')

describe('names at a login', () => {
  const always = loginAliases([])

  test.each(['$oauthtoken', 'AWS', GUID, 'oauth2accesstoken'])(
    '%p is whoever the token belongs to',
    (name) => {
      expect(readLoginName(name, always)).toEqual({ kind: 'alias', name })
      expect(() => parseAccountName(name)).toThrow()
    },
  )

  test('gitlab-ci-token is, where switched on', () => {
    expect(readLoginName('gitlab-ci-token', always)).toEqual({ kind: 'account', name: 'gitlab-ci-token' })
    const on = loginAliases(['gitlab-ci-token'])
    expect(readLoginName('gitlab-ci-token', on)).toEqual({ kind: 'alias', name: 'gitlab-ci-token' })
  })

  const accounts: [name: string, account: string][] = [
    ['alice', 'alice'],
    ['acme+ci', 'acme+ci'],
    ['robot$acme+ci', 'acme+ci'],
    ['aws', 'aws'],
  ]
  test.each(accounts)('%p is the account %p', (name, account) =>
    expect(readLoginName(name, always)).toEqual({ kind: 'account', name: account }),
  )
})

describe('the guide', () => {
  const guide = readFileSync(join(import.meta.dirname, '../../docs/guide/login.md'), 'utf8')

  test('names every name there is, and the pattern that finds secrets', () => {
    const names = [...loginAliases(['gitlab-ci-token']), '_json_key', '_json_key_base64', 'robot$acme+ci']
    for (const name of names) expect(guide).toContain(`| \`${name}\` `)
    const pattern = new RegExp(`^${/^berth_\(.*$/m.exec(guide)?.[0]}$`)
    for (const kind of Object.keys(SECRET_PREFIXES) as SecretKind[])
      expect(newSecret(kind).secret).toMatch(pattern)
  })
})

describe('Authorization', () => {
  const headers: [header: string, read: Authorization | undefined][] = [
    [`Basic ${base64('alice:pass:word')}`, { scheme: 'basic', name: 'alice', secret: 'pass:word' }],
    [`basic  ${base64('alice:')} `, { scheme: 'basic', name: 'alice', secret: '' }],
    [`BASIC ${base64('alicé:pässword')}`, { scheme: 'basic', name: 'alicé', secret: 'pässword' }],
    [`Basic ${base64('alice:p').replace(/=+$/, '')}`, { scheme: 'basic', name: 'alice', secret: 'p' }],
    ['Basic Og==', { scheme: 'basic', name: '', secret: '' }],
    ['Bearer a.b.c', { scheme: 'bearer', token: 'a.b.c' }],
    ['bearer a.b.c', { scheme: 'bearer', token: 'a.b.c' }],
    [`Basic ${base64('alice')}`, undefined],
    [`Basic ${base64(new Uint8Array([0x61, 0x3a, 0xff]))}`, undefined],
    ['Basic', undefined],
    ['Basic ', undefined],
    ['Basic a!b', undefined],
    ['Bearer', undefined],
    ['Bearer a b', undefined],
    ['Digest username="alice"', undefined],
    ['', undefined],
  ]
  test.each(headers)('%p', (header, read) => expect(readAuthorization(header)).toEqual(read as never))
})
