import type { Command } from 'commander'
import type { ApiClient } from '../../api/client.ts'
import { allOf, remote } from '../command.ts'
import { lastUse, scopesText, when } from '../output.ts'
import { parseExpiry, splitRobot } from '../parse.ts'
import { addKey, type NewKeyOptions, withNewKey } from './key.ts'

const ROBOT = ['<robot>', 'OWNER+NAME: what it logs in as'] as const

/** `berth robot …` */
export function robotCommands(group: Command): void {
  remote<{ description?: string }>(
    group
      .command('add')
      .description('make a robot account; prints its secret')
      .argument(...ROBOT)
      .option('--description <text>', 'what it is for'),
    async ({ api, out }, { description }, name: string) => {
      const { namespace, robot } = splitRobot(name)
      const made = await api.call('POST /namespaces/{namespace}/robots', {
        path: { namespace },
        body: { name: robot, ...(description !== undefined && { description }) },
      })
      out.secret(
        made,
        made.secret,
        `made the robot ${name}; it may do nothing until it is granted something. Its secret, shown this once:`,
      )
    },
  )

  remote(
    group
      .command('list')
      .alias('ls')
      .description('list the robots of a user or an organisation')
      .argument('<owner>'),
    async ({ api, out }, _, namespace: string) => {
      const { items } = await api.call('GET /namespaces/{namespace}/robots', { path: { namespace } })
      out.list(items, [
        ['ROBOT', ({ name }) => name],
        ['DISABLED', ({ disabled }) => (disabled ? 'yes' : '')],
        ['SINCE', ({ createdAt }) => when(createdAt)],
        ['DESCRIPTION', ({ description }) => description],
      ])
    },
  )

  remote(
    group
      .command('show')
      .description('show a robot, what it logs in with and what it may do')
      .argument(...ROBOT),
    async ({ api, out }, _, name: string) => {
      const path = splitRobot(name)
      const robot = await api.call('GET /namespaces/{namespace}/robots/{robot}', { path })
      const has = out.json ? undefined : await belongings(api, path)
      out.one(robot, [
        ['name', () => name],
        ['description', ({ description }) => description],
        ['disabled', ({ disabled }) => (disabled ? 'yes' : '')],
        ['since', ({ createdAt }) => when(createdAt)],
        [
          'secrets',
          () => has?.secrets.map(({ id, expiresAt }) => `${id} (${ends(expiresAt)})`).join(', ') ?? '',
        ],
        [
          'keys',
          () => has?.keys.map((key) => `${key.id} ${key.name} (${ends(key.expiresAt)})`).join(', ') ?? '',
        ],
        [`grants in ${path.namespace}`, () => scopesText(has?.grants ?? []) || 'none'],
      ])
    },
  )

  const change = (
    command: string,
    description: string,
    bodyOf: (options: { description?: string }) => { description?: string; disabled?: boolean },
  ) => {
    const changing = group
      .command(command)
      .description(description)
      .argument(...ROBOT)
    if (command === 'set') changing.requiredOption('--description <text>', 'what it is for')
    remote<{ description?: string }>(changing, async ({ api, out }, options, name: string) => {
      const changed = await api.call('PATCH /namespaces/{namespace}/robots/{robot}', {
        path: splitRobot(name),
        body: bodyOf(options),
      })
      out.done(command === 'set' ? `changed the robot ${name}` : `the robot ${name} is ${command}d`, changed)
    })
  }
  change('set', 'change a robot', ({ description = '' }) => ({ description }))
  change('disable', 'let a robot do nothing any more', () => ({ disabled: true }))
  change('enable', 'let a robot in again', () => ({ disabled: false }))

  remote(
    group
      .command('remove')
      .alias('rm')
      .description('delete a robot')
      .argument(...ROBOT),
    async ({ api, out }, _, name: string) => {
      await api.call('DELETE /namespaces/{namespace}/robots/{robot}', { path: splitRobot(name) })
      out.done(`removed the robot ${name}`)
    },
  )

  secretCommands(group)
}

/** What lets a robot in, and what it may do in its owner's namespace. */
async function belongings(api: ApiClient, path: ReturnType<typeof splitRobot>) {
  const [secrets, keys, grants] = await Promise.all([
    api.call('GET /namespaces/{namespace}/robots/{robot}/secrets', { path }),
    api.call('GET /namespaces/{namespace}/robots/{robot}/keys', { path }),
    allOf((query) => api.call('GET /namespaces/{namespace}/grants', { path, query })),
  ])
  const own = `robot:${path.namespace}+${path.robot}`
  return {
    secrets: secrets.items,
    keys: keys.items,
    grants: grants.filter(({ subject }) => subject === own),
  }
}

const ends = (time: string | null) => (time === null ? 'never ends' : `ends ${when(time)}`)

function secretCommands(group: Command): void {
  remote<{ expires?: string }>(
    group
      .command('rotate')
      .description('make a new secret; the one before goes on working, an older one ends')
      .argument(...ROBOT)
      .option('--expires <when>', 'when it ends: 90d, 2027-01-31; never unless told', parseExpiry),
    async ({ api, out }, { expires }, name: string) => {
      const made = await api.call('POST /namespaces/{namespace}/robots/{robot}/secrets', {
        path: splitRobot(name),
        body: expires === undefined ? {} : { expiresAt: expires },
      })
      out.secret(
        made,
        made.secret,
        `the new secret of ${name}, shown this once; the one before works until you rotate again or revoke it:`,
      )
    },
  )

  remote(
    group
      .command('secrets')
      .description('list the secrets of a robot')
      .argument(...ROBOT),
    async ({ api, out }, _, name: string) => {
      const { items } = await api.call('GET /namespaces/{namespace}/robots/{robot}/secrets', {
        path: splitRobot(name),
      })
      out.list(items, [
        ['ID', ({ id }) => String(id)],
        ['SINCE', ({ createdAt }) => when(createdAt)],
        ['ENDS', ({ expiresAt }) => when(expiresAt, 'never')],
        ['LAST USED', (each) => lastUse(each.lastUsed)],
      ])
    },
  )

  remote(
    group
      .command('revoke-secret')
      .description('end a secret of a robot')
      .argument(...ROBOT)
      .argument('<id>'),
    async ({ api, out }, _, name: string, id: string) => {
      await api.call('DELETE /namespaces/{namespace}/robots/{robot}/secrets/{id}', {
        path: { ...splitRobot(name), id },
      })
      out.done(`revoked secret ${id} of ${name}`)
    },
  )

  remote<NewKeyOptions>(
    withNewKey(
      group
        .command('key')
        .description('make a key of a robot, as berth key add does')
        .argument(...ROBOT)
        .argument('<name>', 'what to call the key'),
    ),
    async (session, options, account: string, name: string) => {
      splitRobot(account)
      await addKey(session, account, name, options)
    },
  )
}
