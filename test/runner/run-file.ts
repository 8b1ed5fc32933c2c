import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestFile } from './files.ts'
import { readJunit, type TestOutcome } from './junit.ts'

/** What became of one file. */
export interface FileResult {
  readonly path: string
  readonly outcomes: readonly TestOutcome[]
  /** What went wrong outside of any test: at load, in a hook, by a time-out, by things left behind. */
  readonly faults: readonly string[]
  readonly output: string
  readonly seconds: number
}

/** Seconds that a file which is over its time gets to clean up. */
const GRACE = 20

/** Between tests Bun keeps transpiled code beside the temporary files; it is no test's litter. */
const CACHES = /^(bun-|\.bun)|^node-compile-cache$/

/**
 * Runs one file in a process of its own with a temporary folder of its own, which has to be empty afterwards:
 * a file cannot disturb another, and what it leaves behind is seen.
 */
export async function runTestFile(
  file: TestFile,
  workspace: string,
  index: number,
  signal: AbortSignal,
): Promise<FileResult> {
  // Short on purpose: sockets live below it, and the kernel takes 107 bytes for a socket's path.
  const temp = join(workspace, String(index))
  const report = join(workspace, `${index}.xml`)
  await mkdir(temp, { recursive: true })
  const started = performance.now()
  const child = Bun.spawn(
    [
      process.execPath,
      'test',
      '--no-orphans',
      '--reporter=junit',
      `--reporter-outfile=${report}`,
      `./${file.path}`,
    ],
    { env: { ...process.env, TMPDIR: temp }, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' },
  )
  const stop = () => child.kill('SIGTERM')
  signal.addEventListener('abort', stop, { once: true })
  let late = false
  const timer = setTimeout(() => {
    late = true
    child.kill('SIGTERM')
  }, file.limit * 1000)
  const hardTimer = setTimeout(() => child.kill('SIGKILL'), (file.limit + GRACE) * 1000)
  const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  clearTimeout(timer)
  clearTimeout(hardTimer)
  signal.removeEventListener('abort', stop)

  const outcomes = existsSync(report) ? readJunit(await readFile(report, 'utf8')) : []
  const faults: string[] = []
  if (late) faults.push(`not done after ${file.limit} s`)
  else if (code !== 0 && !outcomes.some(({ state }) => state === 'failed')) {
    faults.push(`ended with ${code} though no test failed: an error at load or a crash`)
  } else if (outcomes.length === 0) faults.push('has no test')
  const litter = (await readdir(temp)).filter((name) => !CACHES.test(name))
  if (litter.length > 0) faults.push(`left behind in its temporary folder: ${litter.join(', ')}`)
  await rm(temp, { recursive: true, force: true })
  const seconds = (performance.now() - started) / 1000
  return { path: file.path, outcomes, faults, output: stdout + stderr, seconds }
}
