import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { missingPrograms } from '../test/testbed/programs.ts'
import { tempFolder } from '../test/testbed/temp.ts'
import { place, raisePriority } from './machine/affinity.ts'
import { touchMemory } from './machine/memory-touch.ts'
import { type Options, parseOptions, USAGE } from './options.ts'
import { berth, berthAccounts } from './peers/berth.ts'
import { distributionDefault, distributionRelaxed } from './peers/distribution.ts'
import { nginx } from './peers/nginx.ts'
import { describeRun } from './report/conditions.ts'
import { rewriteTables } from './report/document.ts'
import { renderTables } from './report/tables.ts'
import { ACCESS } from './rows/access.ts'
import { LISTS } from './rows/lists.ts'
import { PROCESS } from './rows/process.ts'
import { PULL } from './rows/pull.ts'
import { PUSH } from './rows/push.ts'
import type { Row } from './rows/row.ts'
import { runBench } from './run.ts'

const COLUMNS = [berth, distributionDefault, distributionRelaxed, nginx]
const KINDS = [...COLUMNS, berthAccounts]
const ROWS: readonly Row[] = [...PULL, ...ACCESS, ...PUSH, ...LISTS, ...PROCESS]
const DOCUMENT = resolve(import.meta.dirname, '../docs/benchmarks.md')

async function main(argv: readonly string[], signal: AbortSignal): Promise<number> {
  let options: Options
  try {
    options = parseOptions(argv)
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`)
    return 2
  }
  const { only } = options
  const rows = ROWS.filter(({ id }) => only.length === 0 || only.some((start) => id.startsWith(start)))
  const missing = missingPrograms(['docker-registry', 'nginx', 'setpriv'])
  if (missing.length > 0 || rows.length === 0) {
    console.error(
      rows.length === 0
        ? `--only: no row is called that; there are ${ROWS.map(({ id }) => id).join(', ')}`
        : `missing on this machine: ${missing.join(', ')} (Debian: apt-get install ${missing.join(' ')})`,
    )
    return 2
  }
  const started = performance.now()
  const say = (text: string) =>
    console.error(`${((performance.now() - started) / 1000).toFixed(0).padStart(5)} s  ${text}`)
  await using folder = await tempFolder()
  using priority = raisePriority()
  await place([process.pid], 'client', 'pinned')
  if (!options.quick) say(`touched ${(touchMemory(folder.path) / 1e9).toFixed(1)} GB of memory`)
  const samples = await runBench({
    rows,
    kinds: KINDS,
    options,
    folder: folder.path,
    signal,
    say,
  })
  const conditions = await describeRun(options, folder.path, priority.raised)
  const tables = renderTables(rows, COLUMNS, samples)
  console.log(`${conditions}\n\n${tables}`)
  if (options.json !== undefined)
    await writeFile(resolve(options.json), JSON.stringify({ conditions, ...samples }, null, 1))
  if (options.write) await rewriteTables(DOCUMENT, `${conditions}\n\n${tables}`)
  say('removing what was stored')
  return 0
}

/** Servers are stopped and what they stored is removed, whatever ends the run. */
function untilSignalled(): AbortSignal {
  const ended = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => ended.abort(new Error(`ended by ${signal}`)))
  return ended.signal
}

const signal = untilSignalled()
process.exitCode = await main(process.argv.slice(2), signal).catch((error: Error) => {
  if (!signal.aborted) throw error
  console.error(error.message)
  return 1
})
