import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { tryRun } from '../testbed/run.ts'
import { type Person, person } from './command.ts'
import { LEAVES } from './leaves.ts'

setDefaultTimeout(60_000)

describe('commands', () => {
  let who: Person
  beforeAll(async () => {
    who = await person()
  })
  afterAll(() => who[Symbol.asyncDispose]())

  test('are listed with a sentence each, in their own help and in that of all', async () => {
    const { code, stdout, stderr } = await who.berth(['help'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    for (const [group] of LEAVES.keys()) expect(stdout).toMatch(new RegExp(`^  ${group} +\\S`, 'm'))
    const user = await who.berth(['help', 'user'])
    expect(user.code).toBe(0)
    expect(user.stdout).toContain('reset-link')
    const alone = await who.berth(['user'])
    expect({ code: alone.code, stdout: alone.stdout }).toEqual({ code: 2, stdout: '' })
    expect(alone.stderr).toContain('reset-link')
  })

  test('say what each of their arguments and options is', () => {
    expect(LEAVES.size).toBeGreaterThan(50)
    for (const [words, command] of LEAVES) {
      const name = words.join(' ')
      expect({ name, described: command.description() !== '' }).toEqual({ name, described: true })
      for (const { flags, description } of command.options)
        expect({ name, flags, described: description !== '' }).toEqual({ name, flags, described: true })
      const flags = command.options.map(({ long }) => long)
      // One way to give a command its registry, and programs its result.
      const local = words[0] === 'login' || words[0] === 'logout'
      for (const flag of ['--server', '--data', '--json'])
        expect({ name, flag, has: flags.includes(flag) }).toEqual({ name, flag, has: !local })
      // What is secret is no argument.
      expect(flags).not.toContain('--password')
      expect(flags).not.toContain('--token')
      // No line of the help is wider than a terminal.
      for (const line of command.helpInformation().split('\n')) {
        if (!line.startsWith('Usage:'))
          expect({ name, line, fits: line.length <= 80 }).toMatchObject({ fits: true })
      }
    }
  })

  test.each([
    [['user', 'frob'], "'frob'"],
    [['user', 'list', 'frob'], 'too many arguments'],
    [['user', 'add'], "'name'"],
    [['user', 'set', 'alice', '--frob'], "'--frob'"],
    [['user', 'set', 'a', '--enable', '--disable'], 'cannot be used with'],
    [['token', 'add', 'x'], '--scope'],
    [['token', 'add', 'x', '--scope', 'acme/*'], 'with its verbs'],
    [['token', 'add', 'x', '--scope', 'acme/*:frob'], 'no verb "frob"'],
    [['token', 'add', 'x', '--scope', '*:pull', '--expires', 'soon'], 'Say how long'],
    [['grant', 'add', 'alice', 'acme/*', 'frob'], 'no verb "frob"'],
    [['grant', 'defaults', 'acme', '--set', 'x:pull', '--clear'], 'cannot be used with'],
    [['access', 'explain', 'alice', 'read', 'acme/web'], 'Say one of pull'],
    [['org', 'add-member', 'acme', 'bob', '--role', 'king'], 'Allowed choices'],
    [['audit', '-n', '0'], 'from 1'],
    [['audit', '--action', 'nonsense'], 'Say one of login, user.create'],
    [['grant', 'add', 'ada', 'alpine', 'read'], 'write library/alpine'],
    [['grant', 'add', 'ada', '**', 'read'], 'name it, such as acme/**'],
    [['grant', 'add', 'ada', '*/web', 'read'], 'name it, such as acme/**'],
    [['grant', 'add', 'acme/devs', 'acme/*', 'read'], 'written team:acme/devs'],
    [['help', 'nope'], 'there is no command "nope"'],
    [['help', 'user', 'frob'], 'there is no command "user frob"'],
    [['repo', 'add', 'a/b', '--public', '--private'], 'cannot be used with'],
  ])('%p is told to be wrong before anything is asked', async (args, says) => {
    const { code, stdout, stderr } = await who.berth(args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(says)
    // One line, as every other refusal of the program; it ends with what to do.
    expect(stderr).toMatch(/^berth: [^\n]*\n$/)
    expect(stderr).not.toMatch(/error:|\.;/)
  })

  test('tell where it stands how they are said', async () => {
    for (const [args, see] of [
      [['user', 'add'], 'berth user add --help'],
      [['user', 'frob'], 'berth user --help'],
      [['frob'], 'berth --help'],
    ] as const)
      expect((await who.berth(args)).stderr).toEndWith(`; see ${see}\n`)
    const shown = await who.berth(['help', 'user', 'add'])
    expect({ code: shown.code, stderr: shown.stderr }).toEqual({ code: 0, stderr: '' })
    expect(shown.stdout).toStartWith('Usage: berth user add ')
  })

  test('can be read by who leaves early', async () => {
    const berth = join(import.meta.dirname, '../../bin/berth')
    for (const args of ['serve --help', 'config print', '--version']) {
      // Whoever has left when the first word comes.
      const script = `"$0" ${args} | true; echo "\${PIPESTATUS[0]}"`
      const { stdout, stderr } = await tryRun(['bash', '-c', script, berth], { env: { ...who.env } })
      expect({ args, stdout, stderr }).toEqual({ args, stdout: '0\n', stderr: '' })
    }
  })
})

describe('what the guides say of commands', () => {
  const read = (path: string) => readFileSync(join(import.meta.dirname, '../..', path), 'utf8')
  const names = new Map([...LEAVES].map(([words, command]) => [words.join(' '), command]))

  test.each([
    'README.md',
    'docs/guide/cli.md',
    'docs/guide/login.md',
    'docs/guide/collection.md',
    'docs/guide/statistics.md',
    'docs/guide/undo.md',
  ])('%s names what there is', (path) => {
    const fenced = [...read(path).matchAll(/^```sh\n(.*?)^```/gms)].map(([, code]) => code).join('\n')
    const said = [...fenced.matchAll(/\bberth ((?!serve|config|help)[a-z].*?)(?= #|$| &&| \|)/gm)]
    expect(said.length).toBeGreaterThan(0)
    for (const [, line = ''] of said) {
      const [first = '', second = ''] = line.split(/\s+/)
      const command = names.get(first) ?? names.get(`${first} ${second}`)
      expect({ line, known: command !== undefined }).toEqual({ line, known: true })
      const flags = command?.options.flatMap(({ long, short }) => [long, short])
      for (const [flag] of line.matchAll(/(?<= )--?[a-z][a-z-]*/g))
        expect({ line, flag, known: flags?.includes(flag) }).toEqual({ line, flag, known: true })
    }
  })

  test('the guide to commands names all of them, and no others', () => {
    const rows = [...read('docs/guide/cli.md').matchAll(/^\| (`[^|]*(?:\\\|[^|]*)*) \|/gm)]
    const listed = rows.flatMap(([, cell = '']) =>
      cell.split(', ').flatMap((part) => {
        const [group = '', words] = part.replaceAll('`', '').split(' ')
        return words === undefined ? [group] : words.split('\\|').map((word) => `${group} ${word}`)
      }),
    )
    expect(listed.sort()).toEqual([...names.keys()].sort())
  })
})
