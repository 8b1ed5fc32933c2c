import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import type { TestFile } from './files.ts'
import { judge, summaryLine } from './report.ts'
import { type FileResult, runTestFile } from './run-file.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const never = new AbortController().signal

describe('a test file in a process of its own', () => {
  let workspace: string
  let count = 0

  beforeAll(async () => {
    workspace = await mkdtemp(join(tmpdir(), 'r'))
  })
  afterAll(() => rm(workspace, { recursive: true }))

  async function runText(text: string, limit = 30): Promise<FileResult> {
    const index = count++
    const path = join(workspace, `sample-${index}.test.ts`)
    await writeFile(path, `import { describe, expect, test, afterAll } from 'bun:test'\n${text}\n`)
    const file: TestFile = { path: relative(ROOT, path), alone: false, limit }
    return runTestFile(file, workspace, index, never)
  }

  const states = ({ outcomes }: FileResult) => outcomes.map(({ title, state }) => [title, state])

  test('tells passed, failed and skipped tests with their groups', async () => {
    const result = await runText(`
      describe('a "group" & <more>', () => {
        test('good', () => {})
        test('bad', () => expect('<a & b>').toBe('c > d'))
        describe.skip('inner [skipped: x is not installed]', () => {
          afterAll(() => {})
          test('skipped', () => {})
        })
      })
      test.todo('later')`)
    expect(states(result)).toEqual([
      ['a "group" & <more> > good', 'passed'],
      ['a "group" & <more> > bad', 'failed'],
      ['a "group" & <more> > inner [skipped: x is not installed] > skipped', 'skipped'],
      ['later', 'skipped'],
    ])
    expect(result.faults).toEqual([])
  })

  test.each([
    ['an error at load', "import './not-there.ts'", /at load/],
    ['a crash', "test('good', () => process.kill(process.pid, 'SIGKILL'))", /crash/],
    ['no test at all', 'export {}', /no test|at load/],
    [
      'something left behind',
      "import { writeFileSync } from 'node:fs'\ntest('good', () => writeFileSync(process.env.TMPDIR + '/litter', ''))",
      /left behind.*litter/,
    ],
  ])('%s is a fault', async (_, text, fault) => {
    const result = await runText(text)
    expect(result.faults).toHaveLength(1)
    expect(result.faults[0]).toMatch(fault)
  })

  test('an error in a hook is a failed test without a name', async () => {
    const result = await runText("test('good', () => {})\nafterAll(() => { throw new Error('hook') })")
    expect(states(result)).toEqual([
      ['good', 'passed'],
      ['(unnamed)', 'failed'],
    ])
  })

  test('a file that does not end in time is ended', async () => {
    const result = await runText("test('stuck', () => new Promise(() => {}), 60_000)", 1)
    expect(result.faults).toEqual(['not done after 1 s'])
  })
})

describe('the verdict', () => {
  const result = (state: 'passed' | 'failed' | 'skipped', faults: string[] = []): FileResult => ({
    path: 'test/a.test.ts',
    outcomes: [{ title: 'a', state, seconds: 0 }],
    faults,
    output: '',
    seconds: 0,
  })

  test.each([
    ['all passed', [result('passed')], [], true, true],
    ['one failed', [result('passed'), result('failed')], [], false, false],
    ['a fault', [result('passed', ['left behind'])], [], false, false],
    ['a failed check', [result('passed')], ['lint'], false, false],
    ['nothing ran', [], [], false, false],
    ['all skipped', [result('skipped')], [], false, false],
    ['a skip', [result('passed'), result('skipped')], [], false, true],
    ['a skip in continuous integration', [result('passed'), result('skipped')], [], true, false],
  ] as const)('%s', (_, results, checks, strict, good) =>
    expect(judge(results, checks, strict).good).toBe(good),
  )

  test('ends with one line', () => {
    expect(summaryLine(judge([result('passed')], [], true))).toBe('1 passed, 0 failed')
    expect(summaryLine(judge([result('skipped'), result('failed')], ['lint'], true))).toBe(
      '0 passed, 2 failed, 1 skipped',
    )
  })
})
