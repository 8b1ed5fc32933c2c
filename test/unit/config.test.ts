import { describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import {
  type Config,
  ConfigError,
  hostOf,
  isLoopback,
  originOf,
  parseListen,
  printConfig,
  readConfig,
  reviewConfig,
} from '../../src/config.ts'
import { SETTINGS, type SettingName } from '../../src/settings.ts'
import { runs } from '../fuzz/runs.ts'
import { tempFolder } from '../testbed/temp.ts'

const NAMES = Object.keys(SETTINGS) as SettingName[]

/** A configuration file with this content, removed with its scope. */
async function file(content: unknown): Promise<AsyncDisposable & { readonly path: string }> {
  const folder = await tempFolder()
  const path = join(folder.path, 'berth.json')
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return { path, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() }
}

const without = ({ said, ...values }: Config) => values

describe('where a setting comes from', () => {
  test('flags before environment before file before default', async () => {
    await using told = await file({ listen: '127.0.0.1:3', data: 'file', sparse: 'all', maxPage: 7 })
    const config = readConfig(
      { BERTH_LISTEN: '127.0.0.1:2', BERTH_DATA: 'env' },
      { listen: '127.0.0.1:1' },
      told.path,
    )
    expect(config.listen).toBe('127.0.0.1:1')
    expect(config.data).toBe('env')
    expect(config.sparse).toBe('all')
    expect(config.maxPage).toBe(7)
    expect(config.maxRanges).toBe(1024)
    expect([...config.said].sort()).toEqual(['data', 'listen', 'maxPage', 'sparse'])
  })

  test('an empty variable is as good as none', () => {
    const config = readConfig({ BERTH_DATA: '', BERTH_MAX_PAGE: '' })
    expect(config.data).toBe('./data')
    expect(config.maxPage).toBe(1000)
    expect(config.said.size).toBe(0)
  })

  test('everything has a variable of its own, and a sentence', () => {
    const variables = NAMES.map((name) => SETTINGS[name].env)
    expect(new Set(variables).size).toBe(NAMES.length)
    for (const name of NAMES) {
      expect(SETTINGS[name].env).toBe(`BERTH_${name.replace(/[A-Z]/g, '_$&').toUpperCase()}`)
      expect(SETTINGS[name].doc.length).toBeGreaterThan(10)
    }
  })
})

/** A value that does not fit, for every setting that does not take all texts. */
const WRONG: Partial<Record<SettingName, readonly string[]>> = {
  jobs: ['all', 'Only'],
  undoSeconds: ['-1', 'x'],
  gcSeconds: ['0', 'x', '2147484'],
  gcBatch: ['0', '10001', 'x'],
  gcRate: ['0', 'x'],
  auth: ['all', 'None', 'accounts '],
  readOnly: ['maybe', '2', 'tru'],
  sparse: ['some', 'ALL'],
  logLevel: ['loud', 'INFO'],
  logFormat: ['xml'],
  accessLog: ['x'],
  unsafeNoFsync: ['x'],
  diskReserveBytes: ['-1', 'x', '1.5', '1GB', 'Infinity', 'NaN'],
  diskReserveRatio: ['-0.1', '1.1', 'x', 'NaN'],
  maxManifestBytes: ['-1', 'x', '33554433', '1.5'],
  maxManifestDepth: ['0', '-1', 'x', '1.5'],
  maxManifestTokens: ['0', 'x'],
  maxManifestDescriptors: ['0', 'x'],
  maxIndexDepth: ['0', 'x'],
  maxBlobBytes: ['-1', 'x', '1.5'],
  maxTagParameters: ['0', 'x'],
  maxPage: ['0', '-1', 'x', '1e400'],
  maxRanges: ['0', 'x'],
  maxUrlBytes: ['0', 'x'],
  maxRangeFactor: ['0', 'x'],
  catalogPage: ['0', 'x'],
  streamPage: ['0', 'x'],
  referrersPageBytes: ['0', 'x'],
  searchPage: ['0', 'x'],
  maxSearchPage: ['0', 'x'],
  maxSearchTerm: ['0', 'x'],
  maxUnreadBody: ['-1', 'x'],
  maxUploadsPerRepo: ['0', 'x'],
  maxUploadsPerOwner: ['0', 'x'],
  uploadTtlSeconds: ['-1', 'x', 'Infinity'],
  leaseSeconds: ['-1', 'x', '1e10'],
  formerNamesSeconds: ['-1', 'x'],
  tombstoneSeconds: ['-1', 'x'],
  signUp: ['x', 'Open'],
  tokenSeconds: ['0', 'x', '86401'],
  loginTokenSeconds: ['59', 'x'],
  refreshTokens: ['2', 'x'],
  refreshTokenSeconds: ['-1', 'x'],
  signingKeySeconds: ['-1', 'x'],
  sessionSeconds: ['-1', 'x'],
  passwordMinLength: ['0', '129', 'x'],
  passwordConcurrency: ['0', '65', 'x'],
  passwordMaxWaiting: ['0', 'x'],
  loginFailures: ['0', 'x'],
  addressFailures: ['0', 'x'],
  loginWindowSeconds: ['-1', 'x'],
  lastUsedSeconds: ['0', 'x', '2147484'],
  usesSeconds: ['0', 'x', '2147484'],
  maxNotedUses: ['1', 'x'],
  maxApiBody: ['-1', 'x'],
  maxStrangerBody: ['-1', 'x'],
  maxTokenBody: ['-1', 'x'],
  sweepSeconds: ['0', '-1', 'x', '2147484'],
  bodyIdleSeconds: ['0', '-1', 'x'],
  bodyMinRate: ['-1', 'x'],
  bodyGraceSeconds: ['0', 'x'],
  drainSeconds: ['-1', 'x', '2147484'],
  databaseMaxWaiting: ['0', 'x'],
  databasePool: ['0', 'x', '1.5'],
  readCacheBytes: ['-1', 'x'],
  smallBlobCacheBytes: ['-1', 'x'],
  loginAliases: ['alice', 'gitlab-ci-token,alice', 'acme+ci'],
}
const TAKES_ALL_TEXTS = [
  'listen',
  'data',
  'publicUrl',
  'trustedProxies',
  'databaseUrl',
  'adminPassword',
  'uncountedAgents',
]

describe('a value that does not fit', () => {
  test('is tried for every setting', () => {
    expect([...Object.keys(WRONG), ...TAKES_ALL_TEXTS].sort()).toEqual([...NAMES].sort())
  })

  const wrong = Object.entries(WRONG).flatMap(([name, values]) =>
    values.map((value): [SettingName, string] => [name as SettingName, value]),
  )
  test.each(wrong)('%s=%s names where it was said', async (name, value) => {
    const { env } = SETTINGS[name]
    expect(() => readConfig({ [env]: value })).toThrow(ConfigError)
    expect(() => readConfig({ [env]: value })).toThrow(env)
    const kebab = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    expect(() => readConfig({}, { [name]: value })).toThrow(`--${kebab}`)
    await using told = await file({ [name]: value })
    expect(() => readConfig({}, {}, told.path)).toThrow(`${name} in ${told.path}`)
  })

  test('an alias of logins is no name that an account can have', () => {
    const read = (said: string) => readConfig({ BERTH_LOGIN_ALIASES: said }).loginAliases
    expect(read('gitlab-ci-token, $robot')).toEqual(['gitlab-ci-token', '$robot'])
    expect(() => read('gitlab-ci-token,alice')).toThrow(
      'BERTH_LOGIN_ALIASES must be names that no account can have, such as gitlab-ci-token, and "alice" is none',
    )
  })

  test('all of them are told at once', () => {
    const read = () => readConfig({ BERTH_MAX_PAGE: 'x', BERTH_SPARSE: 'y' }, { readOnly: 'z' })
    for (const place of ['BERTH_MAX_PAGE', 'BERTH_SPARSE', '--read-only']) expect(read).toThrow(place)
  })

  test('a list must hold texts, a text must be one', async () => {
    for (const content of [
      { trustedProxies: [5] },
      { trustedProxies: 5 },
      { listen: 5 },
      { databaseUrl: '' },
      { data: null },
    ]) {
      await using told = await file(content)
      expect(() => readConfig({}, {}, told.path)).toThrow(Object.keys(content)[0] as string)
    }
  })
})

describe('the file', () => {
  test.each([
    ['{', 'cannot read'],
    ['[]', 'one JSON object'],
    ['null', 'one JSON object'],
    ['"x"', 'one JSON object'],
    ['{"x":1,"y":2}', 'x, y'],
    ['{"__proto__":1}', '__proto__'],
    ['{"constructor":1}', 'constructor'],
  ])('%s is told about', async (content, says) => {
    await using told = await file(content)
    expect(() => readConfig({}, {}, told.path)).toThrow(says)
    expect(() => readConfig({}, {}, told.path)).toThrow(told.path)
  })

  test('must be there', () => {
    expect(() => readConfig({}, {}, '/nonexistent/berth.json')).toThrow('/nonexistent/berth.json')
  })

  const texts = fc.string({ minLength: 1 })
  const anything = fc.record(
    {
      listen: fc.nat(65_535).map((port) => `127.0.0.1:${port}`),
      data: texts,
      publicUrl: fc.webUrl(),
      trustedProxies: fc.array(fc.ipV4()),
      readOnly: fc.boolean(),
      sparse: fc.constantFrom('none', 'index', 'all'),
      logLevel: fc.constantFrom('error', 'warn', 'info', 'debug'),
      accessLog: fc.boolean(),
      diskReserveBytes: fc.nat(),
      diskReserveRatio: fc
        .double({ min: 0, max: 1, noNaN: true })
        .map((ratio) => (Object.is(ratio, -0) ? 0 : ratio)),
      maxManifestBytes: fc.nat(32 * 1024 * 1024),
      maxBlobBytes: fc.nat(),
      maxPage: fc.integer({ min: 1 }),
      leaseSeconds: fc.nat(1_000_000_000),
      undoSeconds: fc.nat(1_000_000_000),
      formerNamesSeconds: fc.nat(1_000_000_000),
      sweepSeconds: fc.integer({ min: 1, max: 2_147_483 }),
    },
    { requiredKeys: [] },
  )

  test('what is printed reads back the same', async () => {
    await fc.assert(
      fc.asyncProperty(anything, async (values) => {
        await using first = await file(values)
        const config = readConfig({}, {}, first.path)
        await using second = await file(printConfig(config))
        expect(without(readConfig({}, {}, second.path))).toEqual(without(config))
      }),
      runs(100),
    )
  }, 60_000)
})

describe('printing', () => {
  test('masks secrets, wherever they were said', async () => {
    const url = 'postgres://berth:canary-password@db/berth'
    await using told = await file({ databaseUrl: url })
    for (const config of [
      readConfig({ BERTH_DATABASE_URL: url }),
      readConfig({}, { databaseUrl: url }),
      readConfig({}, {}, told.path),
    ]) {
      expect(config.databaseUrl).toBe(url)
      expect(printConfig(config)).not.toContain('canary')
      expect(JSON.parse(printConfig(config)).databaseUrl).toBe('***')
    }
  })

  test('a mask that was printed is not taken for the secret', async () => {
    await using told = await file(printConfig(readConfig({ BERTH_DATABASE_URL: 'postgres://x' })))
    expect(() => readConfig({}, {}, told.path)).toThrow('databaseUrl')
  })

  test('tells every setting that has a value', () => {
    const printed = JSON.parse(printConfig(readConfig({}))) as Record<string, unknown>
    const told = NAMES.filter((name) => SETTINGS[name].fallback !== undefined)
    expect(Object.keys(printed)).toEqual(told)
  })
})

describe('the address to listen on', () => {
  const good: [listen: string, hostname: string, port: number][] = [
    ['127.0.0.1:5000', '127.0.0.1', 5000],
    ['localhost:0', 'localhost', 0],
    [':5000', '0.0.0.0', 5000],
    ['[::1]:5000', '::1', 5000],
    ['[::]:65535', '::', 65_535],
  ]
  test.each(good)('%s', (listen, hostname, port) => expect(parseListen(listen)).toEqual({ hostname, port }))
  test.each([
    '',
    '5000',
    'localhost',
    'localhost:',
    'localhost:x',
    'localhost:65536',
    'localhost:-1',
    '::1:5000',
    '[::1]',
    'http://x:5000',
    'a:b:1',
    'x:1 ',
  ])('%p is none', (listen) => expect(() => parseListen(listen)).toThrow(JSON.stringify(listen)))

  test.each(['localhost', '::1', '127.0.0.1', '127.255.0.1'])('%s is this machine', (hostname) =>
    expect(isLoopback(hostname)).toBe(true),
  )
  test.each([
    '0.0.0.0',
    '::',
    '10.0.0.1',
    'berth.example.com',
    '127.0.0.1.example.com',
    'localhost.example.com',
    '128.0.0.1',
  ])('%s is more than this machine', (hostname) => expect(isLoopback(hostname)).toBe(false))

  describe.each([':5000', '0.0.0.0:5000', '[::]:5000', '192.0.2.1:5000'])('%s', (listen) => {
    test('without accounts is warned of', () => {
      for (const config of [
        readConfig({}, { listen, auth: 'none' }),
        readConfig({ BERTH_AUTH: 'none' }, { listen }),
      ]) {
        expect(reviewConfig(config).join()).toContain('everyone')
      }
    })

    test('with accounts needs TLS before it', () => {
      const inTheClear = [{ listen }, { listen, publicUrl: 'http://registry.example.com' }]
      for (const flags of inTheClear)
        expect(reviewConfig(readConfig({}, flags)).join()).toContain('in the clear')
      const publicUrl = 'https://registry.example.com'
      expect(reviewConfig(readConfig({}, { listen, publicUrl }))).toEqual([])
    })
  })

  const reached: [
    listen: string,
    publicUrl: string | undefined,
    address: string,
    host: string,
    origin: string,
  ][] = [
    ['127.0.0.1:0', undefined, '127.0.0.1:41000', 'localhost:41000', 'http://localhost:41000'],
    ['[::1]:0', undefined, '[::1]:41000', 'localhost:41000', 'http://localhost:41000'],
    ['192.0.2.1:0', undefined, '192.0.2.1:41000', '192.0.2.1:41000', 'http://192.0.2.1:41000'],
    [
      '[2001:db8::1]:0',
      undefined,
      '[2001:db8::1]:41000',
      '[2001:db8::1]:41000',
      'http://[2001:db8::1]:41000',
    ],
    [':0', undefined, '0.0.0.0:41000', `${hostname()}:41000`, `http://${hostname()}:41000`],
    [':0', 'https://berth.test', '0.0.0.0:41000', 'berth.test', 'https://berth.test'],
    [':0', 'https://berth.test:8443/x/', '0.0.0.0:41000', 'berth.test:8443', 'https://berth.test:8443'],
  ]
  test.each(reached)('%s, public %p, serving on %s is %s', (listen, publicUrl, address, host, origin) => {
    expect(hostOf({ listen, publicUrl }, address)).toBe(host)
    expect(originOf({ listen, publicUrl }, address)).toBe(origin)
  })

  test('on this machine nothing needs saying', () => expect(reviewConfig(readConfig({}))).toEqual([]))

  test('what may lose data is warned of', () =>
    expect(reviewConfig(readConfig({}, { unsafeNoFsync: true })).join()).toContain('lose'))
})
