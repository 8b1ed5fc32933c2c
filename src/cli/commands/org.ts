import { type Command, Option } from 'commander'
import type { ApiClient } from '../../api/client.ts'
import { allOf, noteGuess, remote, statusOf, withLimit } from '../command.ts'
import { when } from '../output.ts'
import { parseCount } from '../parse.ts'
import { UsageError } from '../usage-error.ts'

type Role = 'owner' | 'member'

interface Profile {
  readonly displayName?: string
  readonly description?: string
}

const roleOption = () =>
  new Option('--role <role>', 'owner: may do everything in its namespace')
    .choices(['owner', 'member'])
    .default('member')

/** `berth org …` */
export function orgCommands(group: Command): void {
  remote<Profile & { owner?: string }>(
    group
      .command('add')
      .description('make an organisation; who makes it is its first owner')
      .argument('<name>')
      .option('--owner <user>', 'another first owner (by site administrators)')
      .option('--display-name <text>', 'the name that people read')
      .option('--description <text>', 'what it is about'),
    async ({ api, out }, { owner, displayName, description }, name: string) => {
      const answered = statusOf()
      const organisation = await api.call('POST /organisations', {
        onStatus: answered.note,
        body: {
          name,
          ...(owner !== undefined && { owner }),
          ...(displayName !== undefined && { displayName }),
          ...(description !== undefined && { description }),
        },
      })
      if (answered.existed) {
        out.done(`the organisation ${name} was there already`, organisation)
        return
      }
      out.done(`made the organisation ${name}`, organisation)
      if (owner === undefined && (await api.call('GET /session')).kind === 'operator')
        out.note(`${name} has no owner yet: berth org add-member ${name} NAME --role owner`)
    },
  )

  remote<{ filter?: string; limit?: number }>(
    withLimit(
      group
        .command('list')
        .alias('ls')
        .description('list your organisations; site administrators see all')
        .option('--filter <text>', 'only names with this in them'),
    ),
    async ({ api, out }, { filter, limit }) => {
      const items = await allOf(
        (page) =>
          api.call('GET /organisations', { query: { ...page, ...(filter !== undefined && { filter }) } }),
        limit,
      )
      out.list(items, [
        ['NAME', ({ name }) => name],
        ['DISPLAY NAME', ({ displayName }) => displayName],
        ['SINCE', ({ createdAt }) => when(createdAt)],
      ])
    },
  )

  remote(
    group.command('show').description('show an organisation').argument('<name>'),
    async ({ api, out }, _, organisation: string) =>
      out.one(await api.call('GET /organisations/{organisation}', { path: { organisation } }), [
        ['name', ({ name }) => name],
        ['display name', ({ displayName }) => displayName],
        ['description', ({ description }) => description],
        ['since', ({ createdAt }) => when(createdAt)],
      ]),
  )

  remote<Profile>(
    group
      .command('set')
      .description('change an organisation')
      .argument('<name>')
      .option('--display-name <text>', 'the name that people read')
      .option('--description <text>', 'what it is about'),
    async ({ api, out }, { displayName, description }, organisation: string) => {
      const body = {
        ...(displayName !== undefined && { displayName }),
        ...(description !== undefined && { description }),
      }
      if (Object.keys(body).length === 0) throw new UsageError('say what to change; see berth org set --help')
      const changed = await api.call('PATCH /organisations/{organisation}', { path: { organisation }, body })
      out.done(`changed the organisation ${organisation}`, changed)
    },
  )

  remote(
    group
      .command('remove')
      .alias('rm')
      .description('delete an organisation that owns no repositories')
      .argument('<name>'),
    async ({ api, out }, _, organisation: string) => {
      await api.call('DELETE /organisations/{organisation}', { path: { organisation } })
      out.done(`removed the organisation ${organisation}`)
    },
  )

  memberCommands(group)
}

/** Commands that a remark spells out. */
const MAX_NAMED = 5

/** What stays with a user who is no member any more, in sentences. */
async function grantsTo(api: ApiClient, namespace: string, subject: string): Promise<string[]> {
  const path = { namespace }
  const all = await allOf((query) => api.call('GET /namespaces/{namespace}/grants', { path, query }))
  const ids = all.filter((grant) => grant.subject === subject).map(({ id }) => id)
  const defaults = await api.call('GET /namespaces/{namespace}/default-grants', { path })
  const remarks: string[] = []
  if (ids.length > 0) {
    const [count, stay] = ids.length === 1 ? ['1 grant', 'stays'] : [`${ids.length} grants`, 'stay']
    const some = ids.length > MAX_NAMED ? ', and so on' : ''
    const commands = ids.slice(0, MAX_NAMED).map((id) => `berth grant remove ${namespace} ${id}`)
    remarks.push(
      `${count} of ${namespace} to ${subject} ${stay}, which --with-grants would have taken along: ${commands.join(', ')}${some}`,
    )
  }
  if (defaults.grants.some((grant) => grant.subject === subject))
    remarks.push(
      `new repositories of ${namespace} are still granted to ${subject}; set others: berth grant defaults ${namespace}`,
    )
  return remarks
}

function memberCommands(group: Command): void {
  remote<{ limit?: number }>(
    withLimit(group.command('members').description('list the members').argument('<name>')),
    async ({ api, out }, { limit }, organisation: string) => {
      const members = await allOf(
        (query) => api.call('GET /organisations/{organisation}/members', { path: { organisation }, query }),
        limit,
      )
      out.list(members, [
        ['USER', ({ user }) => user],
        ['ROLE', ({ role }) => role],
      ])
    },
  )

  remote<{ role: Role }>(
    group
      .command('add-member')
      .description('make a user a member, or change its role')
      .argument('<name>')
      .argument('<user>')
      .addOption(roleOption()),
    async ({ api, out }, { role }, organisation: string, user: string) => {
      const member = await api.call('PUT /organisations/{organisation}/members/{user}', {
        path: { organisation, user },
        body: { role },
      })
      out.done(`${user} is ${role === 'owner' ? 'an owner' : 'a member'} of ${organisation}`, member)
    },
  )

  remote<{ withGrants?: boolean }>(
    group
      .command('remove-member')
      .description('remove a member, also from its teams')
      .argument('<name>')
      .argument('<user>')
      .option('--with-grants', 'also what is granted to the user itself, and not to a team'),
    async ({ api, out }, { withGrants = false }, organisation: string, user: string) => {
      // Looked at before: who leaves itself may not do it after.
      const left = withGrants ? [] : await grantsTo(api, organisation, `user:${user}`)
      await api.call('DELETE /organisations/{organisation}/members/{user}', {
        path: { organisation, user },
        query: { grants: withGrants ? 'remove' : 'keep' },
      })
      out.done(`${user} is no member of ${organisation} any more`)
      for (const remark of left) out.note(remark)
    },
  )

  remote<{ role: Role; days?: number }>(
    group
      .command('invite')
      .description('make a one-time link that makes an account and a member')
      .argument('<name>')
      .addOption(roleOption())
      .option('--days <number>', 'how long it is good', parseCount),
    async (session, { role, days }, organisation: string) => {
      const { api, out } = session
      const link = await api.call('POST /organisations/{organisation}/invitations', {
        path: { organisation },
        body: { role, ...(days !== undefined && { days }) },
      })
      noteGuess(session)
      out.secret(link, link.url, `hand this link on; it works once, until ${when(link.expiresAt)}`)
    },
  )
}
