import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startDaemon } from '../testbed/daemon.ts'
import { programPath } from '../testbed/programs.ts'
import { tempFolder } from '../testbed/temp.ts'

/** A system call that was seen. Times are seconds on the machine's clock, comparable between processes. */
export interface SystemCall {
  readonly name: string
  /** Arguments as strace writes them, file descriptors with their paths. */
  readonly args: string
  readonly result: number
  readonly start: number
  readonly end: number
}

export interface Tracer extends AsyncDisposable {
  /** Lets the process go and returns what it did, in the order of beginning. */
  stop(): Promise<SystemCall[]>
}

/** Bytes of a buffer that are shown: an answer's header fits. */
const SHOWN = 1200

/** Watches some system calls of a process and of all its threads and children from now on. */
export async function trace(pid: number, calls: readonly string[]): Promise<Tracer> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await tempFolder())
  const output = join(folder.path, 'trace')
  const strace = stack.use(
    startDaemon(
      [
        programPath('strace'),
        ...['-f', '-y', '-ttt', '-T', '-s', String(SHOWN)],
        ...['-e', `trace=${calls.join(',')}`, '-e', 'signal=none', '-o', output, '-p', String(pid)],
      ],
      { stopSignal: 'SIGINT' },
    ),
  )
  await strace.waitForLine((line) => line.includes('attached'))
  const owned = stack.move()
  return {
    async stop() {
      await strace.stop()
      return parseTrace(await readFile(output, 'utf8'))
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

const LINE = /^(\d+) +(\d+\.\d+) (.*)$/
const WHOLE = /^(\w+)\((.*)\) += (-?\d+|\?).*?(?:<(\d+\.\d+)>)?$/
const BEGUN = /^(\w+)\((.*?),? *<unfinished \.\.\.>$/
const RESUMED = /^<\.\.\. (\w+) resumed>(.*)\) += (-?\d+|\?).*$/

/** Reads strace's output; a call that another thread interrupted stands on two lines. */
export function parseTrace(text: string): SystemCall[] {
  const calls: SystemCall[] = []
  const begun = new Map<string, { name: string; args: string; start: number }>()
  for (const line of text.split('\n')) {
    const [, thread = '', time = '', rest = ''] = LINE.exec(line) ?? []
    const now = Number(time)
    const whole = WHOLE.exec(rest)
    const half = BEGUN.exec(rest)
    const resumed = RESUMED.exec(rest)
    if (resumed !== null) {
      const { name, args, start } = begun.get(thread) ?? { name: resumed[1] ?? '', args: '', start: now }
      calls.push({ name, args: args + resumed[2], result: Number(resumed[3]), start, end: now })
    } else if (half !== null) {
      begun.set(thread, { name: half[1] ?? '', args: half[2] ?? '', start: now })
    } else if (whole !== null) {
      const [, name = '', args = '', result = '', took = '0'] = whole
      calls.push({ name, args, result: Number(result), start: now, end: now + Number(took) })
    }
  }
  return calls.sort((a, b) => a.start - b.start)
}
