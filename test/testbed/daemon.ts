import { missingPrograms, programPath } from './programs.ts'

/** A server that a test started. Disposing of it ends it, by its own id. */
export interface Daemon extends AsyncDisposable {
  readonly pid: number
  /** Every line it printed, on both of its outputs. */
  readonly lines: readonly string[]
  readonly exited: Promise<number>
  /**
   * The first line, printed already or still to come, that passes. Rejects when it ends or `limit` seconds
   * pass before.
   */
  waitForLine(passes: (line: string) => boolean, limit?: number): Promise<string>
  kill(signal: NodeJS.Signals): void
  /** Asks it to end with `signal`, kills it after `limit` seconds, and returns its exit code. */
  stop(signal?: NodeJS.Signals, limit?: number): Promise<number>
}

export interface DaemonOptions {
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
  /** Runs as this user, with its group. */
  readonly user?: string
  /** What ends it in good order; SIGTERM unless told. */
  readonly stopSignal?: 'SIGTERM' | 'SIGINT' | 'SIGQUIT'
}

const TAIL = 40

interface Waiter {
  readonly passes: (line: string) => boolean
  readonly resolve: (line: string) => void
  readonly reject: (error: Error) => void
}

/** Lets the kernel end the server when the test's process dies without having had the time to. */
function bound(argv: readonly string[], { user, stopSignal = 'SIGTERM' }: DaemonOptions): string[] {
  if (missingPrograms(['setpriv']).length > 0) return [...argv]
  const identity = user === undefined ? [] : [`--reuid=${user}`, `--regid=${user}`, '--clear-groups']
  return [programPath('setpriv'), ...identity, `--pdeathsig=${stopSignal.slice(3)}`, '--', ...argv]
}

async function readLines(stream: ReadableStream<Uint8Array>, take: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of stream) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = parts.pop() ?? ''
    for (const line of parts) take(line)
  }
  if (rest !== '') take(rest)
}

/** Starts a server and collects what it prints. */
export function startDaemon(argv: readonly string[], options: DaemonOptions = {}): Daemon {
  const child = Bun.spawn(bound(argv, options), {
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const lines: string[] = []
  const waiters = new Set<Waiter>()
  const take = (line: string) => {
    lines.push(line)
    for (const waiter of waiters) if (waiter.passes(line)) waiter.resolve(line)
  }
  const drained = Promise.all([readLines(child.stdout, take), readLines(child.stderr, take)])
  const failure = (what: string) =>
    new Error(`${argv.join(' ')} ${what}; it printed:\n${lines.slice(-TAIL).join('\n')}`)
  const exited = (async () => {
    const code = await child.exited
    await drained
    for (const { reject } of waiters) reject(failure(`ended with ${code}`))
    return code
  })()

  const daemon: Daemon = {
    pid: child.pid,
    lines,
    exited,
    async waitForLine(passes, limit = 30) {
      const found = lines.find(passes)
      if (found !== undefined) return found
      if (child.exitCode !== null) throw failure(`ended with ${child.exitCode}`)
      const { promise, resolve, reject } = Promise.withResolvers<string>()
      const waiter = { passes, resolve, reject }
      waiters.add(waiter)
      const timer = setTimeout(
        () => reject(failure(`did not print the line within ${limit} s`)),
        limit * 1000,
      )
      try {
        return await promise
      } finally {
        clearTimeout(timer)
        waiters.delete(waiter)
      }
    },
    kill: (signal) => child.kill(signal),
    async stop(signal = options.stopSignal ?? 'SIGTERM', limit = 40) {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal)
      const timer = setTimeout(() => child.kill('SIGKILL'), limit * 1000)
      try {
        return await exited
      } finally {
        clearTimeout(timer)
      }
    },
    async [Symbol.asyncDispose]() {
      await daemon.stop()
    },
  }
  return daemon
}
