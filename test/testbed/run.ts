/** What a command printed and how it ended. */
export interface CommandResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface CommandOptions {
  /** Added to the environment of the tests. */
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly input?: string | Uint8Array
  /** Seconds, 120 unless told. */
  readonly limit?: number
}

/** A command that did not end as it should; the message holds what it printed. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly result: CommandResult

  constructor(argv: readonly string[], result: CommandResult) {
    super(`${argv.join(' ')} ended with ${result.code}\n${result.stdout}${result.stderr}`)
    this.result = result
  }
}

/** Runs a command to its end, whatever that is. */
export async function tryRun(argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const child = Bun.spawn([...argv], {
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdin: options.input === undefined ? 'ignore' : new Blob([options.input]),
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const seconds = options.limit ?? 120
  let late = false
  const timer = setTimeout(() => {
    late = true
    child.kill('SIGKILL')
  }, seconds * 1000)
  const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  clearTimeout(timer)
  return { code, stdout, stderr: late ? `${stderr}\nkilled after ${seconds} s` : stderr }
}

/**
 * Runs a command and returns what it printed on its standard output. Throws CommandError unless it ended
 * with 0.
 */
export async function run(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const result = await tryRun(argv, options)
  if (result.code !== 0) throw new CommandError(argv, result)
  return result.stdout
}
