import { describe, expect, test } from 'bun:test'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { eraseLogin, readLogin, storeLogin } from '../../src/cli/docker-config.ts'
import { rejection } from '../suite/metadata/fixture.ts'
import { tempFolder } from '../testbed/temp.ts'

const LOGIN = { username: 'alice', secret: 'se:cret' }
const AUTH = Buffer.from('alice:se:cret').toString('base64')

async function home(content?: object | string) {
  const folder = await tempFolder()
  const path = join(folder.path, 'config.json')
  if (content !== undefined) {
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  }
  const env = { DOCKER_CONFIG: folder.path, HOME: folder.path, PATH: `${folder.path}:${process.env.PATH}` }
  return {
    path,
    env,
    folder: folder.path,
    content: () => JSON.parse(readFileSync(path, 'utf8')),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}

describe('docker’s configuration', () => {
  test('keeps a login, and everything else that was in it, with its mode', async () => {
    const other = { auth: Buffer.from('x:y').toString('base64') }
    await using at = await home({ HttpHeaders: { A: 'b' }, auths: { 'other.example.com': other } })
    chmodSync(at.path, 0o640)
    expect(await storeLogin('h:1', LOGIN, at.env)).toBe(at.path)
    expect(at.content()).toEqual({
      HttpHeaders: { A: 'b' },
      auths: { 'other.example.com': other, 'h:1': { auth: AUTH } },
    })
    expect(statSync(at.path).mode & 0o777).toBe(0o640)
    expect(readdirSync(at.folder)).toEqual(['config.json'])
    expect(await readLogin('h:1', at.env)).toEqual(LOGIN)
    expect(await readLogin('h:2', at.env)).toBeUndefined()
    expect(await eraseLogin('h:1', at.env)).toBe(true)
    expect(await eraseLogin('h:1', at.env)).toBe(false)
    expect(at.content().auths).toEqual({ 'other.example.com': other })
  })

  test('is made where there is none, for its owner alone', async () => {
    await using at = await home()
    const env = { ...at.env, DOCKER_CONFIG: join(at.folder, 'a/b') }
    expect(await readLogin('h', env)).toBeUndefined()
    expect(await eraseLogin('h', env)).toBe(false)
    expect(existsSync(join(at.folder, 'a'))).toBe(false)
    const path = await storeLogin('h', LOGIN, env)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(join(at.folder, 'a/b')).mode & 0o777).toBe(0o700)
  })

  test('lies in the home unless DOCKER_CONFIG says otherwise', async () => {
    await using at = await home()
    const path = await storeLogin('h', LOGIN, { ...at.env, DOCKER_CONFIG: '' })
    expect(path).toBe(join(at.folder, '.docker/config.json'))
  })

  test('stays a link where it is one', async () => {
    await using at = await home()
    mkdirSync(join(at.folder, 'real'))
    const real = join(at.folder, 'real/file.json')
    writeFileSync(real, '{}', { mode: 0o600 })
    symlinkSync(real, at.path)
    await storeLogin('h', LOGIN, at.env)
    expect(lstatSync(at.path).isSymbolicLink()).toBe(true)
    expect(JSON.parse(readFileSync(real, 'utf8')).auths.h.auth).toBe(AUTH)
  })

  test('is read as docker writes it', async () => {
    await using at = await home({
      auths: {
        'https://old.example.com/v1/': { auth: AUTH },
        'refresh.example.com': { auth: AUTH, identitytoken: 'refresh' },
        'plain.example.com': { username: 'alice', password: 'p' },
        'empty.example.com': {},
      },
    })
    expect(await readLogin('old.example.com', at.env)).toEqual(LOGIN)
    expect(await readLogin('refresh.example.com', at.env)).toEqual({ username: '<token>', secret: 'refresh' })
    expect(await readLogin('plain.example.com', at.env)).toEqual({ username: 'alice', secret: 'p' })
    expect(await readLogin('empty.example.com', at.env)).toBeUndefined()
    await storeLogin('old.example.com', LOGIN, at.env)
    expect(Object.keys(at.content().auths)).not.toContain('https://old.example.com/v1/')
  })

  test.each(['{"auths": {canary', '[]', 'null', '"canary"'])('that is %j is left alone', async (text) => {
    await using at = await home(text)
    for (const doing of [
      readLogin,
      (h: string, env: object) => storeLogin(h, LOGIN, { ...env }),
      eraseLogin,
    ]) {
      const { message } = (await rejection(doing('h', at.env))) as Error
      expect(message).toContain('is no JSON object')
      expect(message).not.toContain('canary')
    }
    expect(readFileSync(at.path, 'utf8')).toBe(text)
  })
})

/** A helper that keeps each login in a file of its own, as docker's protocol for helpers has it. */
const HELPER = `#!/bin/sh
cd "$(dirname "$0")"
case $1 in
store) cat > stored.json ;;
get) read -r host; [ -f stored.json ] && grep -q "\\"$host\\"" stored.json && exec cat stored.json
  echo "credentials not found in native keychain"; exit 1 ;;
erase) rm stored.json ;;
esac
`

describe('a credential helper', () => {
  async function withHelper(content: object) {
    const at = await home(content)
    writeFileSync(join(at.folder, 'docker-credential-shelf'), HELPER, { mode: 0o755 })
    return at
  }

  test.each([[{ credsStore: 'shelf' }], [{ credHelpers: { 'h:1': 'shelf' }, credsStore: 'nowhere' }]])(
    'named as %j keeps the secret, not the file',
    async (content) => {
      await using at = await withHelper(content)
      expect(await readLogin('h:1', at.env)).toBeUndefined()
      expect(await storeLogin('h:1', LOGIN, at.env)).toBe('docker-credential-shelf')
      expect(at.content()).toEqual({ ...content, auths: { 'h:1': {} } })
      expect(JSON.parse(readFileSync(join(at.folder, 'stored.json'), 'utf8'))).toEqual({
        ServerURL: 'h:1',
        Username: 'alice',
        Secret: 'se:cret',
      })
      expect(await readLogin('h:1', at.env)).toEqual(LOGIN)
      expect(await eraseLogin('h:1', at.env)).toBe(true)
      expect(existsSync(join(at.folder, 'stored.json'))).toBe(false)
      expect(at.content().auths).toEqual({})
      expect(await eraseLogin('h:1', at.env)).toBe(false)
    },
  )

  test('that is missing, fails or babbles is told', async () => {
    await using at = await withHelper({ credsStore: 'nowhere' })
    expect(((await rejection(readLogin('h', at.env))) as Error).message).toContain(
      'docker-credential-nowhere',
    )
    writeFileSync(join(at.folder, 'docker-credential-nowhere'), '#!/bin/sh\necho locked; exit 1\n', {
      mode: 0o755,
    })
    for (const doing of [readLogin, (h: string, env: object) => storeLogin(h, LOGIN, { ...env })])
      expect(((await rejection(doing('h', at.env))) as Error).message).toContain('locked')
    expect(at.content()).toEqual({ credsStore: 'nowhere' })
    writeFileSync(join(at.folder, 'docker-credential-nowhere'), '#!/bin/sh\necho canary\n')
    const { message } = (await rejection(readLogin('h', at.env))) as Error
    expect(message).toContain('no login')
    expect(message).not.toContain('canary')
  })

  test('is no path', async () => {
    await using at = await home({ credsStore: '../evil' })
    expect(((await rejection(readLogin('h', at.env))) as Error).message).toContain('can be none')
  })
})
