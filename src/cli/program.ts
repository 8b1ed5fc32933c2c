import { Command, CommanderError } from 'commander'
import { ConfigError, printConfig, readConfig } from '../config.ts'
import { SETTINGS, type SettingName } from '../settings.ts'
import { GROUPS, type GroupName } from './groups.ts'
import { writeAll } from './output.ts'
import { VERSION } from './version.ts'

/** Options that have a flag; every option has an environment variable and a name in the file. */
const FLAGS: readonly [SettingName, string][] = [
  ['listen', '--listen <host:port>'],
  ['data', '--data <dir>'],
  ['auth', '--auth <mode>'],
  ['publicUrl', '--public-url <url>'],
  ['trustedProxies', '--trusted-proxies <networks>'],
  ['databaseUrl', '--database-url <url>'],
  ['readOnly', '--read-only'],
  ['jobs', '--jobs <inline|only|none>'],
  ['sparse', '--sparse <none|index|all>'],
  ['logLevel', '--log-level <level>'],
  ['logFormat', '--log-format <format>'],
  ['unsafeNoFsync', '--unsafe-no-fsync'],
]

/** What a server says must not steer the terminal. Lines may end. */
const CONTROLS = /[\x00-\x09\x0b-\x1f\x7f-\x9f]+/g

/** Runs the program for a command line. Resolves with the exit code: 0 well, 1 failed, 2 said wrongly. */
export async function runCommand(argv: readonly string[]): Promise<number> {
  const program = new Command('berth')
    .description('A self-hosted container image registry.')
    .version(VERSION, '-v, --version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .configureHelp({ showGlobalOptions: true })
    .helpCommand('help [command...]', 'show the help of a command')
    // A reader that has gone (`| head`) has seen enough. What was said wrongly is told below, as all else is.
    .configureOutput({
      writeOut: (text) => writeAll(1, text),
      writeErr: (text) => writeAll(2, text),
      outputError: () => {},
    })
    .exitOverride()
  let code = 0

  const withOptions = (command: Command) => {
    command.option('--config <file>', 'JSON file of options, as "berth config print" shows them')
    for (const [name, flags] of FLAGS) command.option(flags, describe(name))
    return command
  }

  withOptions(program.command('serve'))
    .description('serve the registry')
    .addHelpText('after', otherOptions())
    .action(async (options) => {
      const { serve } = await import('./serve.ts')
      code = await serve(configOf(options))
    })

  const config = program.command('config').description('look at the configuration')
  withOptions(config.command('print'))
    .description('print the configuration in force, secrets masked')
    .action((options) => {
      writeAll(1, `${printConfig(configOf(options))}\n`)
    })

  const named = groupIn(argv)
  for (const [name, { description, load }] of Object.entries(GROUPS)) {
    const group = program.command(name).description(description)
    // The others stand in the help alone.
    if (name === named) await load(group)
  }

  try {
    const [first, ...words] = argv.slice(2)
    await program.parseAsync(first === 'help' ? helpOf(program, words) : argv.slice(2), { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode !== 0 && !error.code.startsWith('commander.help'))
        tell(saidWrongly(error, program, argv))
      return error.exitCode === 0 ? 0 : 2
    }
    tell(messageOf(error))
    return error instanceof ConfigError || isUsageError(error) ? 2 : 1
  }
}

/** The group of commands that a command line is about, `berth help GROUP` too. */
function groupIn(argv: readonly string[]): GroupName | undefined {
  const words = argv.slice(2).filter((word) => !word.startsWith('-'))
  const word = words[0] === 'help' ? words[1] : words[0]
  return word !== undefined && Object.hasOwn(GROUPS, word) ? (word as GroupName) : undefined
}

/** The arguments that show the help of a command, which is named by all of its words. Throws UsageError where there is none. */
function helpOf(program: Command, words: readonly string[]): string[] {
  const known = words.filter((word) => !word.startsWith('-'))
  let at: Command | undefined = program
  for (const word of known) at = at && childOf(at, word)
  if (at === undefined) {
    const error = new Error(
      `there is no command ${JSON.stringify(known.join(' '))}; berth help lists what there is`,
    )
    error.name = 'UsageError'
    throw error
  }
  return [...known, '--help']
}

function childOf(command: Command, word: string): Command | undefined {
  return command.commands.find((each) => each.name() === word || each.aliases().includes(word))
}

/** What was said wrongly, and where it stands how it is said. */
function saidWrongly({ message }: CommanderError, program: Command, argv: readonly string[]): string {
  const words = ['berth']
  let at = program
  for (const word of argv.slice(2)) {
    const child = childOf(at, word)
    if (child === undefined) break
    at = child
    words.push(child.name())
  }
  return `${message
    .replace(/^error: /, '')
    .replace(/\n/g, ' ')
    .replace(/\.$/, '')}; see ${words.join(' ')} --help`
}

function tell(message: string): void {
  writeAll(2, `berth: ${message.replace(CONTROLS, ' ')}\n`)
}

/** By name: its class is loaded only with the commands that throw it. */
function isUsageError(error: unknown): boolean {
  return error instanceof Error && error.name === 'UsageError'
}

/** What a refusal of the API says about each part of the input stands in lines of its own, unless the sentence has it. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { problem } = error as { problem?: { errors?: readonly { at: string; message: string }[] } }
  const errors = (problem?.errors ?? []).filter(({ message }) => !error.message.includes(message))
  const parts = errors.map(({ at, message }) => `\n  ${at}: ${message}`)
  return error.message + parts.join('')
}

function configOf({ config, ...flags }: { config?: string } & Record<string, unknown>) {
  return readConfig(process.env, flags, config ?? process.env.BERTH_CONFIG)
}

function describe(name: SettingName): string {
  const { doc, env, fallback } = SETTINGS[name]
  const shown =
    fallback === undefined || fallback === false || (Array.isArray(fallback) && fallback.length === 0)
      ? ''
      : `; default ${fallback}`
  return `${doc} (${env}${shown})`
}

function otherOptions(): string {
  const flagged = new Set(FLAGS.map(([name]) => name))
  const names = (Object.keys(SETTINGS) as SettingName[]).filter((name) => !flagged.has(name))
  const width = Math.max(...names.map((name) => SETTINGS[name].env.length)) + 2
  const lines = names.map((name) => {
    const { env, doc, fallback } = SETTINGS[name]
    return `  ${env.padEnd(width)}${doc}${fallback === undefined ? '' : ` (default ${fallback})`}`
  })
  return `\nBy environment variable, or by name in the file:\n${lines.join('\n')}\n`
}
