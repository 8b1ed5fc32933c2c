import type { Command } from 'commander'
import type { ApiClient } from '../api/client.ts'
import type { Connection, ConnectOptions } from './connection.ts'
import { Output, type OutputOptions } from './output.ts'
import { parseCount } from './parse.ts'

/** What a command works with. */
export interface Session {
  readonly api: ApiClient
  readonly out: Output
  /** Where the registry is, for a sentence. */
  readonly where: string
  readonly login?: Connection['login']
  readonly guess?: Connection['guess']
}

type Act<O> = (session: Session, options: O, ...args: never[]) => Promise<void>

/** Makes a command talk to a registry: adds the options that say which one and how the result is shown, and connects when it is run. */
export function remote<O extends object>(command: Command, act: Act<O>): Command {
  return withConnection(command).action(async (...given: unknown[]) => {
    const options = given.at(-2) as O & ConnectOptions & OutputOptions
    const { server, insecure, data, databaseUrl, config } = options
    const { connect } = await import('./connection.ts')
    await using connection = await connect(
      {
        ...(server !== undefined && { server }),
        ...(insecure !== undefined && { insecure }),
        ...(data !== undefined && { data }),
        ...(databaseUrl !== undefined && { databaseUrl }),
        ...(config !== undefined && { config }),
      },
      process.env,
    )
    await act({ ...connection, out: new Output(options) }, options, ...(given.slice(0, -2) as never[]))
  })
}

function withConnection(command: Command): Command {
  return command
    .option('--server <url>', 'registry to talk to: HOST or https://HOST (BERTH_SERVER)')
    .option('--insecure', 'allow plain HTTP to another machine')
    .option('--data <dir>', 'data directory of a registry on this machine (BERTH_DATA)')
    .option('--database-url <url>', 'its PostgreSQL database (BERTH_DATABASE_URL)')
    .option('--config <file>', 'its configuration file (BERTH_CONFIG)')
    .option('--json', 'print what the API answers')
    .option('-q, --quiet', 'print no remarks')
}

/** An option of lists. */
export function withLimit(command: Command): Command {
  return command.option('-n, --limit <number>', 'at most so many', parseCount)
}

const MAX_PAGE = 1000

/** Every item of a list, page after page, or the first `limit`. `call` asks for one page. */
export async function allOf<T>(
  call: (page: {
    readonly limit: number
    readonly after?: string
  }) => Promise<{ readonly items: readonly T[]; readonly next?: string | undefined }>,
  limit = Number.POSITIVE_INFINITY,
): Promise<T[]> {
  const items: T[] = []
  let after: string | undefined
  do {
    const page = await call({
      limit: Math.min(MAX_PAGE, limit - items.length),
      ...(after !== undefined && { after }),
    })
    items.push(...page.items)
    after = page.next
  } while (after !== undefined && items.length < limit)
  return items.slice(0, limit)
}

/** Hears from the API whether what a command makes was there already. */
export function statusOf(): { readonly existed: boolean; readonly note: (status: number) => void } {
  let existed = false
  return {
    get existed() {
      return existed
    },
    note(status) {
      existed = status === 200
    },
  }
}

/** Says of what begins with the registry's address that the address is a guess, where it is. */
export function noteGuess({ out, guess }: Session): void {
  if (guess !== undefined)
    out.note(
      `it begins with ${guess}, which is a guess: no server was asked; say BERTH_PUBLIC_URL=https://HOST to have it right`,
    )
}

/** The account that a command is about: the one named, else who asks. */
export async function accountOr(session: Session, named: string | undefined, flag: string): Promise<string> {
  if (named !== undefined) return named
  const { kind, name } = await session.api.call('GET /session')
  if (name !== undefined && (kind === 'user' || kind === 'robot')) return name
  throw new Error(
    kind === 'anonymous'
      ? `nobody is logged in to ${session.where}; run docker login, or set BERTH_TOKEN`
      : `you act as the operator of ${session.where}, who is no account; add ${flag} NAME`,
  )
}
