import { type Command, Option } from 'commander'
import { signAssertion } from '../../auth/assertion.ts'
import { type KeyFile, keyFileOf, readKeyFile } from '../../auth/key-file.ts'
import { eraseLogin, type Login, storeLogin } from '../docker-config.ts'
import { readText } from '../files.ts'
import { Output } from '../output.ts'
import { readPassword } from '../prompt.ts'
import { findServer, parseServer, type ServerAddress } from '../server-address.ts'
import { checkPassword, exchangeAssertion, findTokenEndpoint, type TokenEndpoint } from '../token-endpoint.ts'
import { UsageError } from '../usage-error.ts'

interface LoginOptions {
  readonly key?: string
  readonly account?: string
  readonly username?: string
  readonly passwordStdin?: boolean
  readonly insecure?: boolean
  readonly quiet?: boolean
}

/** The user name under which registries take a token that stands for a login. */
const TOKEN_USER = 'oauth2accesstoken'

/** `berth login` */
export function loginCommand(command: Command): void {
  command
    .argument('<host>', 'registry.example.com, or HOST:PORT')
    .option('--key <file>', 'log in with a key file; its private key stays here, a token goes to docker')
    .addOption(
      new Option('--account <name>', 'whose key it is, where the file is a private key in PEM').conflicts(
        'username',
      ),
    )
    .addOption(new Option('-u, --username <name>', 'log in with a password or a token').conflicts('key'))
    .addOption(new Option('--password-stdin', 'read the password from the standard input').conflicts('key'))
    .option('--insecure', 'allow plain HTTP to another machine')
    .option('-q, --quiet', 'print no remarks')
    .action(async (host: string, options: LoginOptions) => {
      const { key, username } = options
      if (key === undefined && username === undefined)
        throw new UsageError('say what to log in with: --key FILE, or -u NAME')
      const server = await findServer(host, options)
      const endpoint = await findTokenEndpoint(server, options)
      const out = new Output(options)
      if (endpoint === undefined) {
        out.note(`${server.host} asks nobody to log in; nothing was stored`)
        return
      }
      const { login, until } =
        key === undefined
          ? await byPassword(endpoint, username as string, options)
          : await byKey(endpoint, server, key, options.account)
      const where = await storeLogin(server.host, login, process.env)
      out.note(`logged in to ${server.host}${until}; docker and its kin find it in ${where}`)
    })
}

/** `berth logout` */
export function logoutCommand(command: Command): void {
  command
    .argument('<host>', 'registry.example.com, or HOST:PORT')
    .option('-q, --quiet', 'print no remarks')
    .action(async (given: string, options: { readonly quiet?: boolean }) => {
      // Nothing is sent anywhere.
      const { host } = parseServer(given, { insecure: true })
      const had = await eraseLogin(host, process.env)
      new Output(options).note(had ? `logged out of ${host}` : `you were not logged in to ${host}`)
    })
}

interface Done {
  readonly login: Login
  /** For the remark. */
  readonly until: string
}

async function byPassword(endpoint: TokenEndpoint, username: string, options: LoginOptions): Promise<Done> {
  const secret = await readPassword(`password of ${username}`, options)
  await checkPassword(endpoint, username, secret)
  return { login: { username, secret }, until: ` as ${username}` }
}

async function byKey(
  endpoint: TokenEndpoint,
  { base, host }: ServerAddress,
  path: string,
  account: string | undefined,
): Promise<Done> {
  const file = readKey(path, account, base)
  refuseElsewhere(endpoint, { base, host }, file)
  const assertion = await signAssertion(file, { audience: endpoint.realm, now: Date.now() })
  const { token, expiresAt } = await exchangeAssertion(endpoint, assertion)
  const end = new Date(expiresAt).toISOString().slice(0, 19).replace('T', ' ')
  return {
    login: { username: TOKEN_USER, secret: token },
    until: ` as ${file.account} until ${end} UTC`,
  }
}

/**
 * Throws where the signature would go to neither the server that the key is from nor the one that was named: whoever gets it could hand it
 * on and be let in.
 */
function refuseElsewhere(
  { realm }: TokenEndpoint,
  { base, host }: ServerAddress,
  { token_url }: KeyFile,
): void {
  const { origin } = new URL(realm)
  const known = [base, token_url].filter((url) => URL.canParse(url)).map((url) => new URL(url).origin)
  if (known.includes(origin)) return
  throw new Error(
    `${host} wants the login sent to ${origin}, which is neither it nor where the key is from (${known.at(-1)}); if that is the registry, name it: berth login ${new URL(realm).host} --key …`,
  )
}

/** A key file, or the private half of a key whose public half was registered, which does not say whose it is. */
function readKey(path: string, account: string | undefined, tokenUrl: string): KeyFile {
  const text = readText(path)
  const file = readKeyFile(text)
  if (file !== undefined) {
    if (account === undefined || account === file.account) return file
    throw new UsageError(`${path} is a key of ${file.account}; leave --account out`)
  }
  if (!text.includes('PRIVATE KEY')) throw new Error(`${path} is no key file; berth key add makes one`)
  if (account === undefined)
    throw new UsageError(`${path} does not say whose key it is; add --account NAME, a user or OWNER+ROBOT`)
  const made = keyFileOf(text, account, tokenUrl)
  if (made !== undefined) return made
  throw new Error(
    `${path} is no Ed25519 private key that can be read here; openssl genpkey -algorithm ed25519 makes one`,
  )
}
