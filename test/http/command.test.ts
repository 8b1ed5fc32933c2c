import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import manifest from '../../package.json' with { type: 'json' }
import { SETTINGS, type SettingName } from '../../src/settings.ts'
import { startDaemon } from '../testbed/daemon.ts'
import { tryRun } from '../testbed/run.ts'
import { type TempFolder, tempFolder } from '../testbed/temp.ts'

/** The program as a person meets it on the command line. */

const BERTH = resolve(import.meta.dirname, '../../bin/berth')

let folder: TempFolder
beforeAll(async () => {
  folder = await tempFolder()
})
afterAll(() => folder[Symbol.asyncDispose]())

const berth = (args: readonly string[], env: Record<string, string> = {}) =>
  tryRun([BERTH, ...args], { cwd: folder.path, env, limit: 20 })

describe('berth', () => {
  test.each(['--version', '-v'])('%s prints the version', async (flag) => {
    expect(await berth([flag])).toEqual({ code: 0, stdout: `${manifest.version}\n`, stderr: '' })
  })

  test.each(['--help', '-h', 'help'])('%s helps', async (word) => {
    const { code, stdout, stderr } = await berth([word])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    for (const word of ['Usage: berth', 'serve', 'config']) expect(stdout).toContain(word)
  })

  test('alone helps, and fails', async () => {
    const { code, stderr } = await berth([])
    expect(code).toBe(2)
    expect(stderr).toContain('Usage: berth')
  })

  test.each([
    [['frob'], "'frob'"],
    [['serve', '--frob'], "'--frob'"],
    [['config', 'frob'], "'frob'"],
    [['serve', '--listen'], '--listen'],
  ])('%p is told to be wrong', async (args, says) => {
    const { code, stdout, stderr } = await berth(args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(says)
  })
})

describe('berth serve', () => {
  test('--help tells every option, its variable and its default', async () => {
    const { code, stdout } = await berth(['serve', '--help'])
    expect(code).toBe(0)
    const text = stdout.replace(/\s+/g, ' ')
    for (const name of Object.keys(SETTINGS) as SettingName[]) {
      const { env, doc } = SETTINGS[name]
      expect(text).toContain(env)
      expect(text).toContain(doc)
    }
    expect(text).toContain('default 127.0.0.1:5000')
    // Nothing but the lines of variables, which are a table, is wider than a terminal.
    const wide = stdout.split('\n').filter((line) => line.length > 80 && !line.startsWith('  BERTH_'))
    expect(wide).toEqual([])
  })

  test.each([
    [['--listen', 'x'], '"x"'],
    [['--auth', 'all'], '--auth'],
    [['--config', '/nonexistent.json'], '/nonexistent.json'],
    [['--sparse', 'some'], '--sparse'],
    [['--listen', '127.0.0.1:0', '--trusted-proxies', 'proxy.example.com'], 'proxy.example.com'],
    [['--listen', '127.0.0.1:0', '--data', '/proc/berth'], '/proc/berth'],
    [['--listen', '127.0.0.1:0', '--database-url', 'postgres://u:canary@127.0.0.1:1/x'], '127.0.0.1:1'],
  ])('%p does not start, and says why', async (args, says) => {
    const { code, stdout, stderr } = await berth(['serve', ...args], { BERTH_LOG_FORMAT: 'text' })
    expect(code).toBeGreaterThan(0)
    expect(stderr).toContain(says)
    // A sentence for a person, no trace of ours, no secret.
    expect(stderr + stdout).not.toMatch(/\.ts:\d+|canary/)
  })

  test('on a port that is taken does not start, and says so', async () => {
    const taken = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } })
    try {
      const { code, stderr } = await berth([
        'serve',
        '--listen',
        `127.0.0.1:${taken.port}`,
        '--data',
        'taken',
      ])
      expect(code).toBe(1)
      expect(stderr).toContain(`127.0.0.1:${taken.port}: the port is in use`)
      expect(stderr).toContain('--listen HOST:PORT')
      expect(stderr).not.toMatch(/\.ts:\d+/)
    } finally {
      taken.stop(true)
    }
  })

  test('does not start with a password that cannot be one, and does not repeat it', async () => {
    const { code, stdout, stderr } = await berth(
      ['serve', '--listen', '127.0.0.1:0', '--data', join(folder.path, 'short')],
      { BERTH_ADMIN_PASSWORD: 'canary' },
    )
    expect(code).toBe(2)
    expect(stderr).toContain('BERTH_ADMIN_PASSWORD')
    expect(stderr + stdout).not.toMatch(/\.ts:\d+|canary/)
  })

  test('does not start with an alias of logins that may be somebody’s name', async () => {
    const { code, stderr } = await berth(['serve', '--listen', '127.0.0.1:0'], {
      BERTH_LOGIN_ALIASES: 'alice',
    })
    expect(code).toBe(2)
    expect(stderr).toContain('BERTH_LOGIN_ALIASES')
    expect(stderr).toContain('"alice"')
    expect(stderr).not.toMatch(/\.ts:\d+/)
  })

  test('tells a person how to become administrator, once per start and until there is one', async () => {
    const data = join(folder.path, 'first')
    const serve = [BERTH, 'serve', '--listen', '127.0.0.1:0', '--data', data]
    const links = new Set<string>()
    for (const _ of [1, 2]) {
      await using daemon = startDaemon(serve, { env: { BERTH_LOG_FORMAT: 'json' } })
      const line = JSON.parse(await daemon.waitForLine((each) => each.includes('there is no administrator')))
      expect(line.level).toBe('warn')
      const address = JSON.parse(await daemon.waitForLine((each) => each.includes('"listening"'))).address
      const link = /http:\S+$/.exec(line.msg)?.[0] ?? ''
      expect(link).toStartWith(`http://localhost:${address.split(':')[1]}/join?token=berth_lnk_`)
      links.add(link)
      expect(await daemon.stop()).toBe(0)
    }
    expect(links.size).toBe(2)
    await using daemon = startDaemon(serve, {
      env: { BERTH_LOG_FORMAT: 'json', BERTH_ADMIN_PASSWORD: 'canary of the first start' },
    })
    await daemon.waitForLine((each) => each.includes('push with'))
    expect(await daemon.stop()).toBe(0)
    expect(daemon.lines.join()).toContain('made the administrator admin')
    expect(daemon.lines.join()).not.toMatch(/berth_lnk_|canary/)
    await using again = startDaemon(serve, {
      env: { BERTH_LOG_FORMAT: 'json', BERTH_ADMIN_PASSWORD: 'canary of the next start' },
    })
    await again.waitForLine((each) => each.includes('push with'))
    expect(await again.stop()).toBe(0)
    expect(again.lines.join()).toContain('BERTH_ADMIN_PASSWORD does nothing')
    expect(again.lines.join()).not.toMatch(/berth_lnk_|canary/)
  })

  test('says that nobody can log in where it is read-only from the beginning', async () => {
    const args = ['serve', '--listen', '127.0.0.1:0', '--read-only', '--data', join(folder.path, 'copy')]
    await using daemon = startDaemon([BERTH, ...args], { env: { BERTH_LOG_FORMAT: 'json' } })
    await daemon.waitForLine((each) => each.includes('"listening"'))
    expect(await daemon.stop()).toBe(0)
    const told = daemon.lines.filter((line) => line.includes('nobody can log in'))
    expect(told).toHaveLength(1)
    expect(JSON.parse(told[0] as string)).toMatchObject({ level: 'warn' })
  })

  test('warns when passwords would travel in the clear', async () => {
    const args = ['serve', '--listen', '[::ffff:127.0.0.1]:0', '--data', join(folder.path, 'clear')]
    await using daemon = startDaemon([BERTH, ...args], { env: { BERTH_LOG_FORMAT: 'json' } })
    const line = JSON.parse(await daemon.waitForLine((each) => each.includes('"level":"warn"')))
    expect(line.msg).toContain('in the clear')
    await daemon.waitForLine((each) => each.includes('"listening"'))
    expect(await daemon.stop()).toBe(0)
  })

  test('warns when everyone may do everything from everywhere', async () => {
    await using daemon = startDaemon(
      [
        BERTH,
        'serve',
        '--listen',
        '[::ffff:127.0.0.1]:0',
        '--auth',
        'none',
        '--data',
        join(folder.path, 'public'),
      ],
      { env: { BERTH_LOG_FORMAT: 'json' } },
    )
    const line = JSON.parse(await daemon.waitForLine((each) => each.includes('"level":"warn"')))
    expect(line.msg).toContain('everyone who reaches')
    await daemon.waitForLine((each) => each.includes('"listening"'))
    expect(await daemon.stop()).toBe(0)
  })

  test.each(['SIGTERM', 'SIGINT'] as const)('ends well at %s', async (signal) => {
    await using daemon = startDaemon(
      [BERTH, 'serve', '--listen', '127.0.0.1:0', '--data', join(folder.path, signal)],
      {
        env: { BERTH_LOG_FORMAT: 'text' },
      },
    )
    await daemon.waitForLine((line) => line.includes('listening'))
    expect(await daemon.stop(signal)).toBe(0)
    expect(daemon.lines.at(-1)).toContain('stopped')
    // Logs for a person: no braces, no quotes where none are needed.
    expect(daemon.lines.some((line) => line.startsWith('{'))).toBe(false)
  })
})

describe('berth config print', () => {
  test('prints what is in force, by name, secrets masked', async () => {
    const { code, stdout, stderr } = await berth(['config', 'print', '--data', 'here'], {
      BERTH_DATABASE_URL: 'postgres://u:canary@db/x',
      BERTH_MAX_PAGE: '7',
    })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).not.toContain('canary')
    expect(JSON.parse(stdout)).toMatchObject({
      data: 'here',
      databaseUrl: '***',
      maxPage: 7,
      listen: '127.0.0.1:5000',
    })
  })

  test('reads back what it printed', async () => {
    const first = await berth(['config', 'print'], {
      BERTH_MAX_PAGE: '7',
      BERTH_TRUSTED_PROXIES: '10.0.0.0/8, ::1',
    })
    const file = join(folder.path, 'printed.json')
    writeFileSync(file, first.stdout)
    for (const [args, env] of [
      [['--config', file], {}],
      [[], { BERTH_CONFIG: file }],
    ] as [string[], Record<string, string>][]) {
      expect(await berth(['config', 'print', ...args], env)).toEqual(first)
    }
  })

  test('tells all that is wrong, and where', async () => {
    const { code, stdout, stderr } = await berth(['config', 'print', '--sparse', 'x'], {
      BERTH_MAX_PAGE: 'y',
    })
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    for (const place of ['--sparse', 'BERTH_MAX_PAGE']) expect(stderr).toContain(place)
  })
})
