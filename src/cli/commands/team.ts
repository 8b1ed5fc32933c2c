import type { Command } from 'commander'
import { remote, statusOf } from '../command.ts'
import { when } from '../output.ts'
import { splitTeam } from '../parse.ts'

const TEAM = ['<team>', 'ORGANISATION/NAME'] as const

/** `berth team …` */
export function teamCommands(group: Command): void {
  remote<{ description?: string }>(
    group
      .command('add')
      .description('make a team')
      .argument(...TEAM)
      .option('--description <text>', 'what it is for'),
    async ({ api, out }, { description }, name: string) => {
      const { organisation, team } = splitTeam(name)
      const answered = statusOf()
      const made = await api.call('POST /organisations/{organisation}/teams', {
        onStatus: answered.note,
        path: { organisation },
        body: { name: team, ...(description !== undefined && { description }) },
      })
      out.done(answered.existed ? `the team ${name} was there already` : `made the team ${name}`, made)
    },
  )

  remote(
    group.command('list').alias('ls').description('list the teams').argument('<organisation>'),
    async ({ api, out }, _, organisation: string) => {
      const { items } = await api.call('GET /organisations/{organisation}/teams', { path: { organisation } })
      out.list(items, [
        ['TEAM', ({ name }) => `${organisation}/${name}`],
        ['SINCE', ({ createdAt }) => when(createdAt)],
        ['DESCRIPTION', ({ description }) => description],
      ])
    },
  )

  remote(
    group
      .command('show')
      .description('show a team with its members')
      .argument(...TEAM),
    async ({ api, out }, _, name: string) =>
      out.one(await api.call('GET /organisations/{organisation}/teams/{team}', { path: splitTeam(name) }), [
        ['name', () => name],
        ['description', ({ description }) => description],
        ['members', ({ members }) => members.join(', ')],
        ['since', ({ createdAt }) => when(createdAt)],
      ]),
  )

  remote<{ description: string }>(
    group
      .command('set')
      .description('change a team')
      .argument(...TEAM)
      .requiredOption('--description <text>', 'what it is for'),
    async ({ api, out }, { description }, name: string) => {
      const changed = await api.call('PATCH /organisations/{organisation}/teams/{team}', {
        path: splitTeam(name),
        body: { description },
      })
      out.done(`changed the team ${name}`, changed)
    },
  )

  remote(
    group
      .command('remove')
      .alias('rm')
      .description('delete a team and the grants to it')
      .argument(...TEAM),
    async ({ api, out }, _, name: string) => {
      await api.call('DELETE /organisations/{organisation}/teams/{team}', { path: splitTeam(name) })
      out.done(`removed the team ${name}`)
    },
  )

  remote(
    group
      .command('add-member')
      .description('put members of the organisation into the team')
      .argument(...TEAM)
      .argument('<user...>'),
    async ({ api, out }, _, name: string, users: string[]) => {
      for (const user of users) {
        await api.call('PUT /organisations/{organisation}/teams/{team}/members/{user}', {
          path: { ...splitTeam(name), user },
        })
        out.done(`${user} is in the team ${name}`)
      }
    },
  )

  remote(
    group
      .command('remove-member')
      .description('take members out of the team')
      .argument(...TEAM)
      .argument('<user...>'),
    async ({ api, out }, _, name: string, users: string[]) => {
      for (const user of users) {
        await api.call('DELETE /organisations/{organisation}/teams/{team}/members/{user}', {
          path: { ...splitTeam(name), user },
        })
        out.done(`${user} is in the team ${name} no more`)
      }
    },
  )
}
