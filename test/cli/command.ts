import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type CommandResult, tryRun } from '../testbed/run.ts'
import { tempFolder } from '../testbed/temp.ts'

const BERTH = resolve(import.meta.dirname, '../../bin/berth')

/** Settings of the machine that runs the tests must not reach the command. */
const CLEAN = Object.fromEntries(
  Object.keys(process.env)
    .filter((name) => name.startsWith('BERTH_') || /^https?_proxy$/i.test(name))
    .map((name) => [name, '']),
)

export interface Given {
  readonly env?: Readonly<Record<string, string>>
  /** For the standard input, which is empty without. */
  readonly input?: string
}

/** A person at a shell: a home with docker's configuration in it, and nothing else. */
export interface Person extends AsyncDisposable {
  /** Its working directory. */
  readonly path: string
  /** Docker's configuration file. */
  readonly dockerConfig: string
  /** The environment of its commands. */
  readonly env: Readonly<Record<string, string>>
  /** The arguments of what was run and ended well. */
  readonly ran: readonly (readonly string[])[]
  /** Runs `berth …` to whatever end. */
  berth(args: readonly string[], given?: Given): Promise<CommandResult>
  /** What `berth … --json` prints. Throws where it fails. */
  json<T = Record<string, unknown>>(args: readonly string[], given?: Given): Promise<T>
  /** What a command prints that must end well. */
  run(args: readonly string[], given?: Given): Promise<string>
}

/** Makes a person whose commands have `more` in their environment. */
export async function person(more: Readonly<Record<string, string>> = {}): Promise<Person> {
  const folder = await tempFolder()
  const docker = join(folder.path, 'docker')
  await mkdir(docker)
  const env = { ...CLEAN, HOME: folder.path, DOCKER_CONFIG: docker, ...more }
  const ran: (readonly string[])[] = []
  const berth = async (args: readonly string[], { env: extra, ...given }: Given = {}) => {
    const options = { cwd: folder.path, env: { ...env, ...extra }, limit: 30, ...given }
    const result = await tryRun([BERTH, ...args], options)
    if (result.code === 0) ran.push(args)
    return result
  }
  const run = async (args: readonly string[], given?: Given) => {
    const { code, stdout, stderr } = await berth(args, given)
    if (code !== 0) throw new Error(`berth ${args.join(' ')} ended with ${code}\n${stdout}${stderr}`)
    return stdout
  }
  return {
    path: folder.path,
    dockerConfig: join(docker, 'config.json'),
    env,
    ran,
    berth,
    run,
    json: async (args, given) => JSON.parse(await run([...args, '--json'], given)),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}
