import { type Command, Option } from 'commander'
import { allOf, remote, statusOf, withLimit } from '../command.ts'
import { readText } from '../files.ts'
import { bytes, when } from '../output.ts'
import { repositoryOf } from '../parse.ts'
import { UsageError } from '../usage-error.ts'
import { repoProtectionCommands } from './protection.ts'
import { repoLifeCommands } from './repo-life.ts'
import { statisticsCommands } from './repo-statistics.ts'

interface Settings {
  readonly public?: boolean
  readonly private?: boolean
  readonly description?: string
}

const withSettings = (command: Command) =>
  command
    .addOption(new Option('--public', 'anyone may pull').conflicts('private'))
    .option('--private', 'only those may pull who are granted it')
    .option('--description <text>', 'one line about it')

function settingsOf({ public: open, private: closed, description }: Settings) {
  return {
    ...(open && { visibility: 'public' as const }),
    ...(closed && { visibility: 'private' as const }),
    ...(description !== undefined && { description }),
  }
}

/** `berth repo …` */
export function repoCommands(group: Command): void {
  remote<Settings>(
    withSettings(group.command('add').description('make an empty repository').argument('<repository>')),
    async ({ api, out }, options, given: string) => {
      const name = repositoryOf(given)
      const answered = statusOf()
      const body = { name, ...settingsOf(options) }
      const made = await api.call('POST /repositories', { body, onStatus: answered.note })
      const what = `the ${made.visibility} repository ${made.name}`
      out.done(answered.existed ? `${what} was there already` : `made ${what}`, made)
    },
  )

  remote<{ namespace?: string; limit?: number }>(
    withLimit(
      group
        .command('list')
        .alias('ls')
        .description('list the repositories that you may pull from')
        .argument('[namespace]', 'of this namespace alone'),
    ),
    async ({ api, out }, { limit }, namespace: string | undefined) => {
      const items = await allOf(
        (page) =>
          api.call('GET /repositories', {
            query: { ...page, ...(namespace !== undefined && { namespace }) },
          }),
        limit,
      )
      out.list(items, [
        ['REPOSITORY', ({ name }) => name],
        ['VISIBILITY', ({ visibility }) => visibility],
        ['UPDATED', ({ updatedAt }) => when(updatedAt)],
        ['DESCRIPTION', ({ description }) => description],
      ])
    },
  )

  remote(
    group.command('show').description('show a repository').argument('<repository>'),
    async ({ api, out }, _, given: string) =>
      out.one(
        await api.call('GET /repositories/{repository}', { path: { repository: repositoryOf(given) } }),
        [
          ['name', ({ name }) => name],
          ['visibility', ({ visibility }) => visibility],
          ['description', ({ description }) => description],
          ['stars', ({ stars }) => String(stars)],
          ['pulls', ({ pulls }) => String(pulls)],
          ['since', ({ createdAt }) => when(createdAt)],
          ['updated', ({ updatedAt }) => when(updatedAt)],
          ['you may', ({ verbs }) => verbs.join(', ')],
        ],
      ),
  )

  remote<Settings & { readme?: string }>(
    withSettings(group.command('set').description('change a repository').argument('<repository>')).option(
      '--readme <file>',
      'the page about it, in Markdown',
    ),
    async ({ api, out }, options, given: string) => {
      const repository = repositoryOf(given)
      const body = {
        ...settingsOf(options),
        ...(options.readme !== undefined && { readme: readText(options.readme) }),
      }
      if (Object.keys(body).length === 0)
        throw new UsageError('say what to change; see berth repo set --help')
      const changed = await api.call('PATCH /repositories/{repository}', { path: { repository }, body })
      out.done(`changed the repository ${repository}`, changed)
    },
  )

  contentCommands(group)
  statisticsCommands(group)
  repoLifeCommands(group)
  repoProtectionCommands(group)
}

function contentCommands(group: Command): void {
  remote<{ filter?: string; limit?: number }>(
    withLimit(
      group
        .command('tags')
        .description('list the tags of a repository')
        .argument('<repository>')
        .option('--filter <text>', 'only names with this in them'),
    ),
    async ({ api, out }, { filter, limit }, given: string) => {
      const path = { repository: repositoryOf(given) }
      const tags = await allOf(
        (page) =>
          api.call('GET /repositories/{repository}/-/tags', {
            path,
            query: { ...page, ...(filter !== undefined && { filter }) },
          }),
        limit,
      )
      out.list(tags, [
        ['TAG', ({ name }) => name],
        ['DIGEST', ({ digest }) => digest],
        ['UPDATED', ({ updatedAt }) => when(updatedAt)],
        ['LAST PULLED', ({ lastPulled }) => when(lastPulled, 'never')],
      ])
    },
  )

  remote(
    group
      .command('delete-tag')
      .description('delete tags; what they point to stays')
      .argument('<repository>')
      .argument('<tag...>'),
    async ({ api, out }, _, given: string, tags: string[]) => {
      const repository = repositoryOf(given)
      for (const tag of tags) {
        await api.call('DELETE /repositories/{repository}/-/tags/{tag}', { path: { repository, tag } })
        out.done(`deleted the tag ${repository}:${tag}`)
      }
    },
  )

  remote<{ limit?: number }>(
    withLimit(
      group.command('manifests').description('list the manifests of a repository').argument('<repository>'),
    ),
    async ({ api, out }, { limit }, given: string) => {
      const path = { repository: repositoryOf(given) }
      const manifests = await allOf(
        (query) => api.call('GET /repositories/{repository}/-/manifests', { path, query }),
        limit,
      )
      out.list(manifests, [
        ['DIGEST', ({ digest }) => digest],
        ['MEDIA TYPE', ({ artifactType, mediaType }) => artifactType ?? mediaType],
        ['SIZE', ({ size, blobBytes }) => bytes(size + blobBytes)],
        ['SINCE', ({ createdAt }) => when(createdAt)],
        ['LAST PULLED', ({ lastPulled }) => when(lastPulled, 'never')],
      ])
    },
  )

  remote(
    group
      .command('delete-manifest')
      .description('delete manifests and every tag on them')
      .argument('<repository>')
      .argument('<digest...>'),
    async ({ api, out }, _, given: string, digests: string[]) => {
      const repository = repositoryOf(given)
      for (const digest of digests) {
        await api.call('DELETE /repositories/{repository}/-/manifests/{digest}', {
          path: { repository, digest },
        })
        out.done(`deleted the manifest ${repository}@${digest}`)
      }
    },
  )
}
