import { programPath } from '../../test/testbed/programs.ts'
import { describeMachine, versionOf } from '../machine/describe.ts'
import type { Options } from '../options.ts'
import { RELAXED_GOGC } from '../peers/distribution.ts'

/** Under which conditions a run's figures were had, as Markdown. */
export async function describeRun(options: Options, folder: string, priority: boolean): Promise<string> {
  const registry = await versionOf(programPath('docker-registry'), '--version')
  const nginx = await versionOf(programPath('nginx'), '-v')
  return [
    `- ${new Date().toISOString().slice(0, 10)}; ${describeMachine(folder)}; ${
      priority
        ? 'servers and client go before everything else on it'
        : 'other programs ran at the same priority'
    }.`,
    `- Berth of this tree on Bun ${Bun.version}: SQLite and the file store, every acknowledged write synced to the disk (synchronous=FULL, fdatasync), access log (JSON, to a file) and metrics on, accounts off, but for the rows with a token.`,
    `- docker-registry ${registry} of Debian: file system driver, access log off, blob descriptors cached in memory, GOGC 100 (its default) and ${RELAXED_GOGC}. It syncs what it writes, too.`,
    `- nginx ${nginx}: one worker, sendfile, buffered access log; plain files with the same bytes.`,
    `- ${options.rounds === 1 ? 'one round' : `${options.rounds} rounds`} of ${options.seconds} s each, servers in turn in every round${
      options.quick ? '; a quick run, to look at and not to quote' : ''
    }. Cells: median (min–max).`,
  ].join('\n')
}
