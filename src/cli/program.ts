import { Command, CommanderError } from 'commander'
import { ConfigError, printConfig, readConfig } from '../config.ts'
import { SETTINGS, type SettingName } from '../settings.ts'
import { GROUPS, type GroupName } from './groups.ts'
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
      console.log(printConfig(configOf(options)))
    })

  const named = groupIn(argv)
  for (const [name, { description, load }] of Object.entries(GROUPS)) {
    const group = program.command(name).description(description)
    // The others stand in the help alone.
    if (name === named) await load(group)
  }

  try {
    await program.parseAsync([...argv])
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    console.error(`berth: ${messageOf(error).replace(CONTROLS, ' ')}`)
    return error instanceof ConfigError || isUsageError(error) ? 2 : 1
  }
}

/** The group of commands that a command line is about, `berth help GROUP` too. */
function groupIn(argv: readonly string[]): GroupName | undefined {
  const words = argv.slice(2).filter((word) => !word.startsWith('-'))
  const word = words[0] === 'help' ? words[1] : words[0]
  return word !== undefined && Object.hasOwn(GROUPS, word) ? (word as GroupName) : undefined
}

/** By name: its class is loaded only with the commands that throw it. */
function isUsageError(error: unknown): boolean {
  return error instanceof Error && error.name === 'UsageError'
}

/** What a refusal of the API says about each part of the input stands in lines of its own. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { problem } = error as { problem?: { errors?: readonly { at: string; message: string }[] } }
  const errors = (problem?.errors ?? []).filter(({ message }) => message !== error.message)
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
