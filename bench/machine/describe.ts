import { statfsSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { tryRun } from '../../test/testbed/run.ts'

const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  61267: 'ext4',
  1481003842: 'xfs',
  16914836: 'tmpfs',
  2435016766: 'btrfs',
  2035054128: 'overlay',
}

/** The machine, in one line. */
export function describeMachine(folder: string): string {
  const type = statfsSync(folder).type
  return [
    `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown processor'}`,
    `${Math.round(totalmem() / 1024 ** 3)} GiB`,
    FILE_SYSTEMS[type] ?? `file system ${type.toString(16)}`,
    `Linux ${release()}`,
  ].join(', ')
}

/** What a command says its version is: the first thing in its output that looks like one. */
export async function versionOf(...argv: readonly string[]): Promise<string> {
  const { stdout, stderr } = await tryRun(argv)
  return /\d+\.\d+(\.\d+)?\S*/.exec(`${stdout}${stderr}`)?.[0] ?? 'unknown'
}
