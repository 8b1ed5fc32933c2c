/**
 * The test command: provides the system's programs, checks types and style, and runs every
 * test file in a process of its own, two at a time, heavy ones alone.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { findTestFiles, type TestFile } from './files.ts'
import { providePrograms } from './packages.ts'
import { judge, printFile, printReport, summaryLine } from './report.ts'
import { type FileResult, runTestFile } from './run-file.ts'

const CHECKS = {
  'type check': ['node_modules/.bin/tsc', '--noEmit'],
  lint: ['node_modules/.bin/biome', 'check', '--error-on-warnings'],
} as const satisfies Record<string, readonly string[]>

const AT_ONCE = 2

/** Runs the checks and returns the names of those that failed. */
async function runChecks(): Promise<string[]> {
  const failed: string[] = []
  for (const [name, command] of Object.entries(CHECKS)) {
    const check = Bun.spawn([...command], { stdin: 'ignore', stdout: 'inherit', stderr: 'inherit' })
    const good = (await check.exited) === 0
    console.log(`${good ? 'ok  ' : 'FAIL'} ${name}`)
    if (!good) failed.push(name)
  }
  return failed
}

async function runFiles(
  files: readonly TestFile[],
  workspace: string,
  signal: AbortSignal,
): Promise<FileResult[]> {
  const results: FileResult[] = []
  const waiting = files.map((file, index) => ({ file, index }))
  const work = async (mayRun: (file: TestFile) => boolean) => {
    while (!signal.aborted && waiting[0] !== undefined && mayRun(waiting[0].file)) {
      const { file, index } = waiting.shift() as (typeof waiting)[number]
      const result = await runTestFile(file, workspace, index, signal)
      printFile(result)
      results.push(result)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, () => work((file) => !file.alone)))
  await work(() => true)
  return results
}

/** Runs what the arguments (parts of paths) ask for and returns whether it was good. */
async function main(filters: readonly string[]): Promise<boolean> {
  const root = resolve(import.meta.dirname, '../..')
  process.chdir(root)
  const strict = process.env.CI === 'true'
  await providePrograms()
  // Someone who names files waits for those, not for the whole tree's style.
  const failedChecks = filters.length === 0 ? await runChecks() : []
  const interrupt = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupt.abort())
  const workspace = await mkdtemp(join(tmpdir(), 'bt-'))
  // Servers that drop root, as PostgreSQL does, have to get to their folders below.
  await chmod(workspace, 0o755)
  try {
    const results = await runFiles(findTestFiles(root, filters), workspace, interrupt.signal)
    if (interrupt.signal.aborted) failedChecks.push('interrupted')
    const verdict = judge(results, failedChecks, strict)
    printReport(results, failedChecks)
    if (verdict.passed === 0) console.log('\nNo test passed.')
    if (strict && verdict.skipped > 0) console.log('\nWith CI=true a skipped test is a failure.')
    console.log(`\n${summaryLine(verdict)}`)
    return verdict.good
  } finally {
    await rm(workspace, { recursive: true, force: true })
  }
}

process.exitCode = (await main(process.argv.slice(2))) ? 0 : 1
