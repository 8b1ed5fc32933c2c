import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { resolve } from 'node:path'
import { type BerthServer, startBerth } from '../testbed/berth.ts'
import { type Person, person } from './command.ts'

setDefaultTimeout(60_000)

const BERTH = resolve(import.meta.dirname, '../../bin/berth')
const PASSWORD = 'canary battery staple'

/** Runs a command at a terminal. Each answer is typed when its question stands there. */
async function atTerminal(
  who: Person,
  args: readonly string[],
  answers: readonly (readonly [question: string, typed: string])[],
): Promise<{ readonly code: number; readonly shown: string }> {
  const decoder = new TextDecoder()
  const left = [...answers]
  let shown = ''
  let seen = 0
  const child = Bun.spawn([BERTH, ...args], {
    cwd: who.path,
    env: { ...process.env, ...who.env, TERM: 'xterm' },
    terminal: {
      data(terminal, chunk) {
        shown += decoder.decode(chunk, { stream: true })
        const [question, typed] = left[0] ?? []
        const at = question === undefined ? -1 : shown.indexOf(question, seen)
        if (at < 0 || question === undefined || typed === undefined) return
        left.shift()
        seen = at + question.length
        terminal.write(typed)
      },
    },
  })
  const code = await child.exited
  child.terminal?.close()
  if (left.length > 0 && code === 0) throw new Error(`it did not ask ${left[0]?.[0]}; it showed:\n${shown}`)
  return { code, shown }
}

describe('a password', () => {
  const stack = new AsyncDisposableStack()
  let server: BerthServer
  let who: Person
  beforeAll(async () => {
    server = stack.use(await startBerth({ accounts: true }))
    who = stack.use(await person({ BERTH_DATA: server.data }))
  })
  afterAll(() => stack.disposeAsync())

  const logsIn = async (username: string, password: string) =>
    (
      await fetch(`${server.url}/token`, {
        headers: { Authorization: `Basic ${btoa(`${username}:${password}`)}` },
      })
    ).ok

  test('is asked for twice at a terminal, and not shown', async () => {
    const { code, shown } = await atTerminal(
      who,
      ['user', 'add', 'alice'],
      [
        ['password of alice: ', `${PASSWORD}x\x7f\r`],
        ['password of alice, again: ', `gone\x15${PASSWORD}\r`],
      ],
    )
    expect({ code, shown }).toMatchObject({ code: 0 })
    expect(shown).toContain('made the user alice')
    expect(shown).not.toContain('canary')
    expect(await logsIn('alice', PASSWORD)).toBe(true)
    expect(await logsIn('alice', `${PASSWORD}x`)).toBe(false)
  })

  test.each([
    ['differ', [`${PASSWORD}\r`, 'another one\r'], 'the two differ'],
    ['were left with Ctrl-C', ['can\x03'], 'cancelled'],
    ['were left with Ctrl-D', ['\x04'], 'cancelled'],
    ['were empty', ['\r'], 'no password was typed'],
  ])('is not taken where the answers %s', async (_, typed, says) => {
    const questions = ['password of bob: ', 'password of bob, again: ']
    const { code, shown } = await atTerminal(
      who,
      ['user', 'add', 'bob'],
      typed.map((keys, at) => [questions[at] as string, keys]),
    )
    expect(code).toBe(1)
    expect(shown).toContain(says)
    expect(shown).not.toMatch(/canary|another one/)
    expect((await who.berth(['user', 'show', 'bob'])).code).toBe(1)
  })

  test('of one’s own wants the present one, at a terminal and from a pipe', async () => {
    const own = { BERTH_SERVER: server.url }
    await who.run(['login', server.host, '-u', 'alice', '--password-stdin'], { input: `${PASSWORD}\n` })
    await using alice = await person({ ...own, DOCKER_CONFIG: who.env.DOCKER_CONFIG ?? '' })
    const wrong = await alice.berth(['user', 'password', '--password-stdin'], {
      input: 'not this one\ncanary new one\n',
    })
    expect(wrong.code).toBe(1)
    expect(wrong.stderr).not.toMatch(/canary|not this one/)
    const { code, shown } = await atTerminal(
      alice,
      ['user', 'password'],
      [
        ['present password: ', `${PASSWORD}\r`],
        ['new password of alice: ', 'canary second one\r'],
        ['new password of alice, again: ', 'canary second one\r'],
      ],
    )
    expect({ code, shown }).toMatchObject({ code: 0 })
    expect(shown).not.toContain('canary')
    expect(await logsIn('alice', 'canary second one')).toBe(true)
    const input = 'canary second one\r\ncanary third one\r\n'
    await who.run(['login', server.host, '-u', 'alice', '--password-stdin'], { input: 'canary second one' })
    await alice.run(['user', 'password', 'alice', '--password-stdin'], { input })
    expect(await logsIn('alice', 'canary third one')).toBe(true)
  })

  test('is never an argument, and without a terminal wants to be piped', async () => {
    for (const flag of ['--password', '-p']) {
      const { code, stderr } = await who.berth(['user', 'add', 'bob', flag, 'canary'])
      expect(code).toBe(2)
      expect(stderr).not.toContain('canary')
    }
    for (const args of [
      ['add', 'bob'],
      ['password', 'alice'],
    ]) {
      const { code, stderr } = await who.berth(['user', ...args])
      expect(code).toBe(2)
      expect(stderr).toContain('--password-stdin')
    }
    for (const input of ['', '\n', 'one\ntwo\n', 'x'.repeat(70_000)]) {
      const { code, stdout } = await who.berth(['user', 'add', 'bob', '--password-stdin'], { input })
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    }
    expect((await who.berth(['user', 'add', 'bob', '--password-stdin', '--link'])).code).toBe(2)
  })

  test('that is piped may hold blanks, colons and letters of any script', async () => {
    const password = ' pässwörd: with "all" of it '
    await who.run(['user', 'add', 'carol', '--password-stdin'], { input: `${password}\r\n` })
    const authorization = `Basic ${Buffer.from(`carol:${password}`).toString('base64')}`
    expect((await fetch(`${server.url}/token`, { headers: { authorization } })).status).toBe(200)
  })
})
