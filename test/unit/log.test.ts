import { describe, expect, test } from 'bun:test'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { type AccessLine, createLog, type Logger, type LogLevel } from '../../src/telemetry/log.ts'
import { runs } from '../fuzz/runs.ts'
import { tempFolder } from '../testbed/temp.ts'

/** What a log prints while something is done with it. */
async function printed(
  options: { json: boolean; level?: LogLevel; colour?: boolean },
  use: (log: Logger) => void,
): Promise<string> {
  await using folder = await tempFolder()
  const path = join(folder.path, 'log')
  const fd = openSync(path, 'w')
  const log = createLog({ level: 'info', ...options, fd })
  use(log)
  log.flush()
  closeSync(fd)
  return readFileSync(path, 'utf8')
}

const lines = (text: string) => text.split('\n').slice(0, -1)

const LINE: AccessLine = {
  id: 'abc-1',
  client: '127.0.0.1',
  account: 'acme+ci',
  method: 'GET',
  path: '/v2/',
  route: 'base',
  status: 200,
  bytes: 2,
  ms: 1.23456,
  agent: 'curl/8',
  received: 7,
  refusal: 'denied',
}

/** What a client can put into a path or an agent. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    '"',
    '\\',
    '\n',
    '\r\n{"level":"error"}',
    '\x1b[2J\x1b]0;x\x07',
    '\u2028',
    '\0',
    '\ud800',
    '\u009b31m',
    '","status":200,"x":"',
    '\u202e',
    'x y=z',
  ),
)

/** C0, DEL, C1 and the marks that turn the direction of text. */
const STEERS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/

describe('JSON lines', () => {
  test('an access line tells the request', async () => {
    const [line = ''] = lines(await printed({ json: true }, (log) => log.access(LINE)))
    const { time, ...rest } = JSON.parse(line)
    expect(Math.abs(Date.parse(time) - Date.now())).toBeLessThan(60_000)
    expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    expect(rest).toEqual({ level: 'info', msg: 'request', ...LINE, ms: 1.235 })
  })

  test('a request of nobody, without body or refusal, says nothing of them', async () => {
    const plain = { ...LINE, account: undefined, received: 0, refusal: undefined }
    const [line = ''] = lines(await printed({ json: true }, (log) => log.access(plain)))
    expect(Object.keys(JSON.parse(line))).not.toContain('received')
    expect(Object.keys(JSON.parse(line))).not.toContain('refusal')
    expect(Object.keys(JSON.parse(line))).not.toContain('account')
  })

  test('bytes of a stream are not made up', async () => {
    const [line = ''] = lines(
      await printed({ json: true }, (log) => log.access({ ...LINE, bytes: undefined })),
    )
    expect(JSON.parse(line).bytes).toBeNull()
  })

  test('whatever a client sends stays in its field', async () => {
    await fc.assert(
      fc.asyncProperty(hostile, hostile, async (path, agent) => {
        const text = await printed({ json: true }, (log) => {
          log.access({ ...LINE, path, agent })
          log.warn(path, { agent, status: 5, none: undefined })
        })
        const [access = '', warning = '', ...more] = lines(text)
        expect(more).toEqual([])
        // A lone surrogate cannot be written in UTF-8; it is escaped, not lost.
        expect(JSON.parse(access)).toMatchObject({ ...LINE, ms: 1.235, path, agent })
        expect(JSON.parse(warning)).toMatchObject({ level: 'warn', msg: path, agent, status: 5 })
      }),
      runs(150),
    )
  }, 60_000)
})

describe('readable lines', () => {
  test('whatever a client sends, it is one line and steers no terminal', async () => {
    await fc.assert(
      fc.asyncProperty(hostile, hostile, async (path, agent) => {
        const text = await printed({ json: false }, (log) => {
          log.access({ ...LINE, path, agent })
          log.warn('something', { path, agent })
        })
        expect(lines(text)).toHaveLength(2)
        expect(text).not.toMatch(STEERS)
      }),
      runs(150),
    )
  }, 60_000)

  test('tell what matters', async () => {
    const text = await printed({ json: false }, (log) => {
      log.access(LINE)
      log.warn('careful', { count: 5, path: 'a b', nothing: undefined, empty: '' })
    })
    const [access = '', warning = ''] = lines(text)
    expect(access).toMatch(/^[\d:.]{12} 200 GET \/v2\/ denied \+7B 2B 1\.2ms 127\.0\.0\.1 acme\+ci abc-1$/)
    expect(warning).toMatch(/^[\d:.]{12} warn {2}careful count=5 path="a b"$/)
  })

  test('colours are for terminals only', async () => {
    const say = (log: Logger) => log.error('x')
    expect(await printed({ json: false, colour: true }, say)).toContain('\x1b[31m')
    expect(await printed({ json: false }, say)).not.toContain('\x1b')
  })
})

describe('levels', () => {
  const all = (log: Logger) => {
    log.error('1')
    log.warn('2')
    log.info('3')
    log.access(LINE)
    log.debug('4')
  }
  test.each([
    ['error', 1],
    ['warn', 2],
    ['info', 4],
    ['debug', 5],
  ] as const)('%s lets %d lines through', async (level, count) => {
    for (const json of [true, false]) expect(lines(await printed({ json, level }, all))).toHaveLength(count)
  })
})

test('no line is torn or lost when errors come while much is written', async () => {
  await using folder = await tempFolder()
  const path = join(folder.path, 'log')
  const fd = openSync(path, 'w')
  const log = createLog({ level: 'info', json: true, fd })
  for (let i = 0; i < 20_000; i++) {
    log.access({ ...LINE, id: String(i) })
    if (i % 97 === 0) log.error('broken', { id: String(i) })
  }
  let text = ''
  const done = 20_000 + Math.ceil(20_000 / 97)
  for (let tries = 0; tries < 500 && text.split('\n').length <= done; tries++) {
    await Bun.sleep(10)
    text = readFileSync(path, 'utf8')
  }
  const ids = lines(text).map((line) => Number(JSON.parse(line).id))
  expect(ids).toHaveLength(done)
  expect(ids).toEqual([...ids].sort((a, b) => a - b))
  closeSync(fd)
})
