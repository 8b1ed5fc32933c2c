import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { chmodSync, chownSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { closeToOthers } from '../src/store/private-files.ts'
import { startBerth } from './testbed/berth.ts'
import { type TempFolder, tempFolder } from './testbed/temp.ts'

/** Whoever reads the database can sign tokens: its directory is for the user alone that runs the server (SE-14). */

let folder: TempFolder
beforeAll(async () => {
  folder = await tempFolder()
})
afterAll(() => folder[Symbol.asyncDispose]())

const mode = (path: string) => (statSync(path).mode & 0o777).toString(8)
const FILES = ['berth.db', 'berth.db-wal', 'berth.db-shm', 'lock', 'lock-journal', 'operator.json']

/** The modes of everything in a data directory whose server runs. */
function modes(data: string): Record<string, string> {
  const names = readdirSync(data).filter((name) => name !== 'blobs')
  return Object.fromEntries(names.map((name) => [name, mode(join(data, name))]))
}
const CLOSED = Object.fromEntries(FILES.map((name) => [name, '600']))

describe('a data directory', () => {
  test('is made for its owner alone, those above it are not', async () => {
    const data = join(folder.path, 'above', 'data')
    await using _ = await startBerth({ accounts: true, data })
    expect([mode(data), mode(join(data, 'blobs'))]).toEqual(['700', '700'])
    expect(modes(data)).toEqual(CLOSED)
    expect(mode(join(data, '..'))).toBe((0o777 & ~process.umask()).toString(8))
  })

  test('that was open to others is closed at the next start, and the operator is told', async () => {
    const data = join(folder.path, 'open')
    {
      await using _ = await startBerth({ accounts: true, data })
    }
    chmodSync(data, 0o755)
    chmodSync(join(data, 'blobs'), 0o755)
    for (const name of readdirSync(data)) if (name !== 'blobs') chmodSync(join(data, name), 0o644)
    await using server = await startBerth({ accounts: true, data })
    expect([mode(data), mode(join(data, 'blobs'))]).toEqual(['700', '700'])
    expect(modes(data)).toEqual(CLOSED)
    expect(server.daemon.lines.join('\n')).toContain('berth.db holds the keys that tokens are signed with')
  })

  test('an empty one that somebody made is closed without a word', () => {
    const data = join(folder.path, 'empty')
    mkdirSync(data, { mode: 0o755 })
    const told: string[] = []
    closeToOthers(data, (sentence) => told.push(sentence))
    expect([mode(data), told]).toEqual(['700', []])
  })

  test('what is everybody’s directory stays so; the files in it are closed, and the operator is told', () => {
    const data = join(folder.path, 'everybody')
    mkdirSync(data)
    chmodSync(data, 0o1777)
    writeFileSync(join(data, 'lock'), '', { mode: 0o644 })
    const told: string[] = []
    closeToOthers(data, (sentence) => told.push(sentence))
    expect([mode(data), mode(join(data, 'lock'))]).toEqual(['777', '600'])
    expect(told.join()).toContain('can be entered by others')
  })

  test.skipIf(process.getuid?.() !== 0)(
    'another user’s is left to that one, and the operator is told',
    () => {
      const data = join(folder.path, 'foreign')
      mkdirSync(data, { mode: 0o755 })
      chownSync(data, 65_534, 65_534)
      const told: string[] = []
      closeToOthers(data, (sentence) => told.push(sentence))
      expect(mode(data)).toBe('755')
      expect(told.join()).toContain('belongs to another user')
    },
  )
})
