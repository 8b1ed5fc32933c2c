import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { programPath } from './programs.ts'
import { run } from './run.ts'
import { tempFolder } from './temp.ts'

/** A system call that returned, descriptors followed by their paths: `fsync(7</tmp/x>)`. */
export interface SystemCall {
  readonly name: string
  readonly args: string
  readonly result: number
}

/** Runs a command under strace; the calls of all its threads in the order in which they returned. */
export async function traced(argv: readonly string[], calls: readonly string[]): Promise<SystemCall[]> {
  await using folder = await tempFolder()
  const file = join(folder.path, 'trace')
  const trace = ['-f', '-y', '-s', '200', '-e', `trace=${calls.join(',')}`, '-o', file]
  await run([programPath('strace'), ...trace, ...argv])
  return parseTrace(await readFile(file, 'utf8'))
}

const LINE = /^(\d+) +(.*)$/
const WHOLE = /^(\w+)\((.*)\) += (-?\d+)/
const BEGUN = /^(\w+)\((.*) <unfinished \.\.\.>$/
const RESUMED = /^<\.\.\. (\w+) resumed>(.*)\) += (-?\d+)/

/** Reads strace's output; a call that another thread interrupted stands in two lines and counts where it returns. */
export function parseTrace(text: string): SystemCall[] {
  const begun = new Map<string, string>()
  const calls: SystemCall[] = []
  for (const line of text.split('\n')) {
    const [, pid = '', rest = ''] = LINE.exec(line) ?? []
    const whole = WHOLE.exec(rest)
    const start = BEGUN.exec(rest)
    const end = RESUMED.exec(rest)
    if (start) begun.set(pid, start[2] ?? '')
    else if (end) {
      calls.push({
        name: end[1] ?? '',
        args: `${begun.get(pid) ?? ''}${end[2] ?? ''}`,
        result: Number(end[3]),
      })
      begun.delete(pid)
    } else if (whole) calls.push({ name: whole[1] ?? '', args: whole[2] ?? '', result: Number(whole[3]) })
  }
  return calls
}
