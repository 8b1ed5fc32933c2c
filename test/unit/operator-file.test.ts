import { describe, expect, test } from 'bun:test'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { operatorFile } from '../../src/operator-file.ts'
import { tempFolder } from '../testbed/temp.ts'

describe('the operator’s file', () => {
  test('tells the address and a token of this start, to its owner alone, and goes', async () => {
    await using folder = await tempFolder()
    const file = operatorFile(folder.path)
    expect(file.read()).toBeUndefined()
    const tokens = new Set<string>()
    for (let start = 0; start < 3; start++) {
      using pass = file.issue()
      pass.publish('127.0.0.1:5000')
      expect(statSync(file.path).mode & 0o777).toBe(0o600)
      const entry = file.read()
      expect(entry?.address).toBe('127.0.0.1:5000')
      tokens.add(entry?.token ?? '')
    }
    expect(tokens.size).toBe(3)
    for (const token of tokens) expect(token).toMatch(/^[\w-]{43}$/)
    expect(existsSync(file.path)).toBe(false)
  })

  test('takes the place of one that a crash left, also of one that everyone may read', async () => {
    await using folder = await tempFolder()
    const file = operatorFile(folder.path)
    for (const name of ['operator.json', 'operator.json.new'])
      writeFileSync(join(folder.path, name), '{"address":"x:1","token":"t"}', { mode: 0o644 })
    expect(file.read()).toEqual({ address: 'x:1', token: 't' })
    using pass = file.issue()
    pass.publish('[::1]:5000')
    expect(statSync(file.path).mode & 0o777).toBe(0o600)
    expect(file.read()?.address).toBe('[::1]:5000')
  })

  test.each(['', '{', '[]', 'null', '{"address":1,"token":"x"}', '{"address":"x:1"}'])(
    'is none with %j in it',
    async (text) => {
      await using folder = await tempFolder()
      const file = operatorFile(folder.path)
      writeFileSync(file.path, text)
      expect(file.read()).toBeUndefined()
    },
  )
})

describe('a server without accounts', () => {
  test('is told of, and takes no operator', async () => {
    await using folder = await tempFolder()
    const file = operatorFile(folder.path)
    expect(file.readNoAccounts()).toBeUndefined()
    {
      using _ = file.tellNoAccounts('127.0.0.1:5000')
      expect([file.readNoAccounts(), file.read()]).toEqual(['127.0.0.1:5000', undefined])
      expect(statSync(file.path).mode & 0o777).toBe(0o600)
    }
    expect(file.readNoAccounts()).toBeUndefined()
  })

  test('is not told of any more when one with accounts starts', async () => {
    await using folder = await tempFolder()
    const file = operatorFile(folder.path)
    // As a crash leaves it.
    file.tellNoAccounts('127.0.0.1:5000')
    using pass = file.issue()
    expect(file.readNoAccounts()).toBeUndefined()
    pass.publish('127.0.0.1:5001')
    expect(file.readNoAccounts()).toBeUndefined()
  })
})

describe('the pass', () => {
  test('lets its token in from this machine, nothing else', async () => {
    await using folder = await tempFolder()
    const file = operatorFile(folder.path)
    using pass = file.issue()
    using other = operatorFile(join(folder.path, 'other')).issue()
    // Before anyone could know the token.
    expect(pass.admits('Bearer ', '127.0.0.1')).toBe(false)
    pass.publish('192.0.2.7:5000')
    const token = file.read()?.token ?? ''
    for (const peer of ['127.0.0.1', '127.8.9.10', '::1', '::ffff:127.0.0.1', '192.0.2.7']) {
      expect(pass.admits(`Bearer ${token}`, peer)).toBe(true)
      expect(pass.admits(`bearer  ${token}`, peer)).toBe(true)
      expect(other.admits(`Bearer ${token}`, peer)).toBe(false)
    }
    for (const peer of ['', '10.0.0.1', '192.0.2.8', '::ffff:10.0.0.1', '127.0.0.1.example.com', '::2'])
      expect(pass.admits(`Bearer ${token}`, peer)).toBe(false)
    const wrong = `${token.startsWith('A') ? 'B' : 'A'}${token.slice(1)}`
    for (const header of [null, '', token, `Basic ${token}`, `Bearer ${wrong}`, `Bearer ${token}x`, 'Bearer'])
      expect(pass.admits(header, '127.0.0.1')).toBe(false)
  })

  test('published on every address takes no address of another machine for its own', async () => {
    await using folder = await tempFolder()
    const file = operatorFile(folder.path)
    using pass = file.issue()
    pass.publish('0.0.0.0:5000')
    expect(pass.admits(`Bearer ${file.read()?.token}`, '10.0.0.1')).toBe(false)
    expect(pass.admits(`Bearer ${file.read()?.token}`, '127.0.0.1')).toBe(true)
  })
})
