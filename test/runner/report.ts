import type { FileResult } from './run-file.ts'

const SLOWEST = 10

export interface Verdict {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** Whether the run counts as a success. */
  readonly good: boolean
}

function count(results: readonly FileResult[], state: 'passed' | 'failed' | 'skipped'): number {
  return results.reduce((sum, { outcomes }) => sum + outcomes.filter((o) => o.state === state).length, 0)
}

/** One line while the run goes on; the file's whole output when something failed in it. */
export function printFile(result: FileResult): void {
  const failed = result.outcomes.filter(({ state }) => state === 'failed').length + result.faults.length
  const mark = failed === 0 ? 'ok  ' : 'FAIL'
  console.log(`${mark} ${result.path} (${result.outcomes.length} tests, ${result.seconds.toFixed(1)} s)`)
  if (failed > 0) console.log(result.output.trimEnd().replace(/^/gm, '    '))
}

/** Prints what failed, what was skipped and why, and the slowest files. */
export function printReport(results: readonly FileResult[], failedChecks: readonly string[]): void {
  const list = (heading: string, lines: readonly string[]) => {
    if (lines.length > 0) console.log(`\n${heading}\n${lines.map((line) => `  ${line}`).join('\n')}`)
  }
  const titles = (state: 'failed' | 'skipped') =>
    results.flatMap(({ path, outcomes }) =>
      outcomes.filter((o) => o.state === state).map(({ title }) => `${path}: ${title}`),
    )
  const slowest = results.toSorted((a, b) => b.seconds - a.seconds).slice(0, SLOWEST)
  list(
    'Slowest files',
    slowest.map(({ path, seconds }) => `${seconds.toFixed(1).padStart(6)} s  ${path}`),
  )
  list('Skipped', titles('skipped'))
  list('Failed', [
    ...failedChecks,
    ...titles('failed'),
    ...results.flatMap(({ path, faults }) => faults.map((fault) => `${path}: ${fault}`)),
  ])
}

/**
 * The verdict over all files and checks. A fault outside of the tests counts as a failure; nothing run is no
 * success; with `strict` (continuous integration) neither is a skip.
 */
export function judge(
  results: readonly FileResult[],
  failedChecks: readonly string[],
  strict: boolean,
): Verdict {
  const faults = results.reduce((sum, result) => sum + result.faults.length, 0)
  const passed = count(results, 'passed')
  const failed = count(results, 'failed') + faults + failedChecks.length
  const skipped = count(results, 'skipped')
  return { passed, failed, skipped, good: passed > 0 && failed === 0 && !(strict && skipped > 0) }
}

/** The last line of a run. */
export function summaryLine({ passed, failed, skipped }: Verdict): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}
