import { type Command, Option } from 'commander'
import type { ResultOf } from '../../api/contract/contract.ts'
import { accountOr, allOf, noteGuess, remote, type Session, statusOf, withLimit } from '../command.ts'
import { type Column, lastUse, when } from '../output.ts'
import { parseCount } from '../parse.ts'
import { canAsk, type PasswordOptions, readLines, readPassword } from '../prompt.ts'
import { UsageError } from '../usage-error.ts'

type User = ResultOf<'GET /users/{user}'>

interface Profile {
  readonly displayName?: string
  readonly email?: string
  readonly description?: string
}

interface Changes extends Profile {
  readonly admin?: boolean
  readonly disable?: boolean
  readonly enable?: boolean
}

const FIELDS: readonly Column<User>[] = [
  ['name', ({ name }) => name],
  ['display name', ({ displayName }) => displayName],
  ['e-mail', (user) => ('email' in user ? user.email : '')],
  ['description', (user) => ('description' in user ? user.description : '')],
  ['administrator', ({ administrator }) => (administrator ? 'yes' : '')],
  ['disabled', (user) => ('disabled' in user && user.disabled ? 'yes' : '')],
  ['since', ({ createdAt }) => when(createdAt)],
]

/** `berth user …` */
export function userCommands(group: Command): void {
  remote<Profile & PasswordOptions & { admin?: boolean; link?: boolean }>(
    group
      .command('add')
      .description('make a user; asks for the password unless told how else')
      .argument('<name>')
      .option('--display-name <text>', 'the name that people read')
      .option('--email <address>', 'e-mail address')
      .option('--admin', 'a site administrator, who may do everything')
      .option('--password-stdin', 'read the password from the standard input')
      .addOption(
        new Option('--link', 'no password, but a one-time link by which the user sets one').conflicts(
          'passwordStdin',
        ),
      ),
    async (session, { displayName, email, admin, link, passwordStdin = false }, name: string) => {
      const { api, out } = session
      if (!link && !passwordStdin && !canAsk()) {
        throw new UsageError(
          'there is no terminal to ask for the password at; add --password-stdin and pipe it in, or --link',
        )
      }
      const password = link
        ? undefined
        : await readPassword(`password of ${name}`, { passwordStdin, twice: true })
      const answered = statusOf()
      const user = await api.call('POST /users', {
        onStatus: answered.note,
        body: {
          name,
          ...(password !== undefined && { password }),
          ...(displayName !== undefined && { displayName }),
          ...(email !== undefined && { email }),
          ...(admin !== undefined && { administrator: admin }),
        },
      })
      if (answered.existed) {
        throw new Error(`there is a user ${name} already; for a new password: berth user reset-link ${name}`)
      }
      if (link) await resetLink(session, name, `made the user ${name}`)
      else out.done(`made the user ${name}`, user)
    },
  )

  remote<{ filter?: string; limit?: number }>(
    withLimit(
      group
        .command('list')
        .alias('ls')
        .description('list users')
        .option('--filter <text>', 'only names with this in them'),
    ),
    async ({ api, out }, { filter, limit }) => {
      const users = await allOf(
        (page) => api.call('GET /users', { query: { ...page, ...(filter !== undefined && { filter }) } }),
        limit,
      )
      out.list(users, [
        ['NAME', ({ name }) => name],
        ['DISPLAY NAME', ({ displayName }) => displayName],
        ['ADMINISTRATOR', ({ administrator }) => (administrator ? 'yes' : '')],
        ['SINCE', ({ createdAt }) => when(createdAt)],
      ])
    },
  )

  remote(
    group.command('show').description('show a user').argument('<name>'),
    async ({ api, out }, _, user: string) =>
      out.one(await api.call('GET /users/{user}', { path: { user } }), FIELDS),
  )

  remote<Changes>(
    group
      .command('set')
      .description('change a user')
      .argument('<name>')
      .option('--display-name <text>', 'the name that people read')
      .option('--email <address>', 'e-mail address')
      .option('--description <text>', 'what the user says of itself')
      .option('--admin', 'make a site administrator')
      .option('--no-admin', 'make no site administrator')
      .addOption(new Option('--disable', 'let the user do nothing any more').conflicts('enable'))
      .option('--enable', 'let the user in again'),
    async ({ api, out }, { displayName, email, description, admin, disable, enable }, user: string) => {
      const body = {
        ...(displayName !== undefined && { displayName }),
        ...(email !== undefined && { email }),
        ...(description !== undefined && { description }),
        ...(admin !== undefined && { administrator: admin }),
        ...((disable || enable) && { disabled: disable === true }),
      }
      if (Object.keys(body).length === 0)
        throw new UsageError('say what to change; see berth user set --help')
      out.done(`changed the user ${user}`, await api.call('PATCH /users/{user}', { path: { user }, body }))
    },
  )

  remote(
    group
      .command('remove')
      .alias('rm')
      .description('delete a user that owns no repositories')
      .argument('<name>'),
    async ({ api, out }, _, user: string) => {
      await api.call('DELETE /users/{user}', { path: { user } })
      out.done(`removed the user ${user}`)
    },
  )

  remote<PasswordOptions>(
    group
      .command('password')
      .description('set the password of a user, or one’s own')
      .argument('[name]')
      .option(
        '--password-stdin',
        'read it from the standard input: of one’s own the present one first, a line each',
      ),
    async (session, options, name: string | undefined) => setPassword(session, options, name),
  )

  remote(
    group
      .command('reset-link')
      .description('make a one-time link by which a user sets a new password')
      .argument('<name>'),
    async (session, _, user: string) => resetLink(session, user),
  )

  remote<{ days?: number }>(
    group
      .command('invite')
      .description('make a one-time link that makes an account')
      .option('--days <number>', 'how long it is good', parseCount),
    async (session, { days }) => {
      const { api, out } = session
      const link = await api.call('POST /invitations', { body: days === undefined ? {} : { days } })
      noteGuess(session)
      out.secret(link, link.url, `hand this link on; it works once, until ${when(link.expiresAt)}`)
    },
  )

  sessionCommands(group)
}

function sessionCommands(group: Command): void {
  remote(
    group.command('sessions').description('list the browser sessions of a user').argument('[name]'),
    async (session, _, name: string | undefined) => {
      const user = await accountOr(session, name, 'the user’s')
      const { items } = await session.api.call('GET /users/{user}/sessions', { path: { user } })
      session.out.list(items, [
        ['ID', ({ id }) => String(id)],
        ['SINCE', ({ createdAt }) => when(createdAt)],
        ['ENDS', ({ expiresAt }) => when(expiresAt, 'never')],
        ['LAST USED', (each) => lastUse(each.lastUsed)],
      ])
    },
  )

  remote(
    group
      .command('end-session')
      .description('end a browser session of a user')
      .argument('<name>')
      .argument('<id>'),
    async ({ api, out }, _, user: string, id: string) => {
      await api.call('DELETE /users/{user}/sessions/{id}', { path: { user, id } })
      out.done(`ended session ${id} of ${user}`)
    },
  )
}

async function resetLink(session: Session, user: string, before?: string): Promise<void> {
  const { api, out } = session
  const link = await api.call('POST /users/{user}/password-reset', { path: { user } })
  const remark = `hand this link on to ${user}; it works once, until ${when(link.expiresAt)}`
  noteGuess(session)
  out.secret(link, link.url, before === undefined ? remark : `${before}; ${remark}`)
}

async function setPassword(
  { api, out, login }: Session,
  { passwordStdin = false }: PasswordOptions,
  named: string | undefined,
): Promise<void> {
  const { kind, name } = await api.call('GET /session')
  const user = named ?? (kind === 'user' ? name : undefined)
  if (user === undefined) throw new UsageError('say whose password: berth user password NAME')
  // Whoever finds a terminal open must not take its owner's account.
  const own = kind === 'user' && name === user
  let current: string | undefined
  let password: string
  if (own && passwordStdin) [current, password] = (await readLines(2)) as [string, string]
  else {
    if (own) current = await readPassword('present password')
    password = await readPassword(`new password of ${user}`, { passwordStdin, twice: true })
  }
  await api.call('PUT /users/{user}/password', {
    path: { user },
    body: { password, ...(current !== undefined && { current }) },
  })
  out.done(`set the password of ${user}`)
  if (own && login?.secret === current)
    out.note(`docker keeps the old one; log in again: berth login ${login?.host} -u ${user}`)
}
