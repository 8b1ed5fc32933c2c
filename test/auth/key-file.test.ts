import { describe, expect, test } from 'bun:test'
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import {
  keyLookup,
  lookupOfKeyFile,
  newKey,
  readKeyFile,
  readKeyFileBase64,
} from '../../src/auth/key-file.ts'

const TOKEN_URL = 'https://registry.example.com/token'
const made = newKey('acme+ci', TOKEN_URL)
const base64 = (text: string) => Buffer.from(text).toString('base64')

/** Whether a file that was read is the one that was made. */
const isMade = (file: ReturnType<typeof readKeyFile>) =>
  file !== undefined && Buffer.compare(lookupOfKeyFile(file) ?? new Uint8Array(), made.lookup) === 0

describe('a key file', () => {
  test('says whose it is, and the server keeps the public half only', () => {
    const file = JSON.parse(made.file)
    expect(Object.keys(file)).toEqual(['type', 'account', 'key_id', 'private_key', 'token_url'])
    expect(file).toMatchObject({
      type: 'berth_service_account',
      account: 'acme+ci',
      key_id: made.keyId,
      token_url: TOKEN_URL,
    })
    expect(file.private_key).toStartWith('-----BEGIN PRIVATE KEY-----')
    expect(made.verifier).toStartWith('-----BEGIN PUBLIC KEY-----')
    expect(keyLookup(createPublicKey(made.verifier))).toEqual(made.lookup)
    expect(made.keyId).toBe(Buffer.from(made.lookup).toString('hex'))
  })

  const readable: [how: string, text: string][] = [
    ['as it was made', made.file],
    ['without the line break at its end', made.file.trimEnd()],
    ['with more of them', `\n${made.file}\n\n`],
    ['with lines as Windows ends them', made.file.replace(/\n/g, '\r\n')],
    ['with PEM lines as Windows ends them', made.file.replace(/\\n/g, '\\r\\n')],
    ['with a byte order mark', `\uFEFF${made.file}`],
    ['in one line', JSON.stringify(JSON.parse(made.file))],
  ]
  test.each(readable)('is read %s', (_, text) => {
    expect(isMade(readKeyFile(text))).toBe(true)
    expect(isMade(readKeyFileBase64(base64(text)))).toBe(true)
  })

  const encoded: [how: string, text: string][] = [
    ['wrapped as base64(1) does', `${base64(made.file).replace(/(.{76})/g, '$1\n')}\n`],
    ['wrapped as Windows does', `${base64(made.file).replace(/(.{64})/g, '$1\r\n')}\r\n`],
    ['url-safe', base64(made.file).replace(/\+/g, '-').replace(/\//g, '_')],
    ['without padding', base64(made.file).replace(/=+$/, '')],
  ]
  test.each(encoded)('is read in base64 %s', (_, text) => expect(isMade(readKeyFileBase64(text))).toBe(true))

  const others: [what: string, text: string][] = [
    ['nothing', ''],
    ['no JSON', 'a password'],
    ['null', 'null'],
    ['a list', '[]'],
    ['a key of Google’s', made.file.replace('berth_service_account', 'service_account')],
    ['one that lacks its key', JSON.stringify({ ...JSON.parse(made.file), private_key: undefined })],
    ['a number for a name', JSON.stringify({ ...JSON.parse(made.file), account: 7 })],
    ['one that is too long', made.file + ' '.repeat(8192)],
  ]
  test.each(others)('is not %s', (_, text) => {
    expect(readKeyFile(text)).toBeUndefined()
    expect(readKeyFileBase64(base64(text))).toBeUndefined()
  })
  test.each(['=', '===', `${base64(made.file)}===`, `${'='.repeat(8000)}x`, 'a=b'])(
    'is not what only looks like base64',
    (text) => expect(readKeyFileBase64(text)).toBeUndefined(),
  )
  test('is not raw where base64 is said', () => expect(readKeyFileBase64(made.file)).toBeUndefined())

  const pem = { type: 'pkcs8', format: 'pem' } as const
  const keys: [what: string, key: string][] = [
    ['garbage', 'x'],
    ['a public key', made.verifier],
    ['RSA', generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export(pem) as string],
    ['P-256', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export(pem) as string],
    [
      'one locked with a passphrase',
      generateKeyPairSync('ed25519').privateKey.export({
        ...pem,
        cipher: 'aes-256-cbc',
        passphrase: 'x',
      }) as string,
    ],
  ]
  test.each(keys)('holds no key when it holds %s', (_, private_key) => {
    const file = readKeyFile(JSON.stringify({ ...JSON.parse(made.file), private_key }))
    expect(file).toBeDefined()
    expect(lookupOfKeyFile(file as never)).toBeUndefined()
  })
})
