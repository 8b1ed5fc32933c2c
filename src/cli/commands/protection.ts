import { type Command, Option } from 'commander'
import { remote } from '../command.ts'
import { when } from '../output.ts'
import { repositoryOf } from '../parse.ts'
import { UsageError } from '../usage-error.ts'

const PATTERNS = 'v* is every tag that begins so, !v*-rc* excepts some; none given: show what there is'

/** `berth repo immutable|protect|release|protected` */
export function repoProtectionCommands(group: Command): void {
  remote<{ none?: boolean; inherit?: boolean }>(
    group
      .command('immutable')
      .description('say which tags nobody moves or deletes')
      .argument('<repository>')
      .argument('[pattern...]', PATTERNS)
      .addOption(new Option('--none', 'all tags move').conflicts('inherit'))
      .option('--inherit', 'as the namespace has it'),
    async ({ api, out }, { none, inherit }, given: string, patterns: string[]) => {
      const path = { repository: repositoryOf(given) }
      if ((none || inherit) && patterns.length > 0) throw new UsageError('say patterns, --none or --inherit')
      if (!none && !inherit && patterns.length === 0) {
        const found = await api.call('GET /repositories/{repository}/-/immutable-tags', { path })
        out.one(found, [
          ['immutable tags', (tags) => tags.patterns.join(' ') || 'none'],
          ['from', ({ own }) => (own === null ? 'the namespace' : 'the repository')],
        ])
        return
      }
      const set = await api.call('PUT /repositories/{repository}/-/immutable-tags', {
        path,
        body: { patterns: inherit ? null : patterns },
      })
      out.done(`immutable tags of ${path.repository}: ${set.patterns.join(' ') || 'none'}`, set)
    },
  )

  remote<{ reason?: string }>(
    group
      .command('protect')
      .description('protect manifests against deletion')
      .argument('<repository>')
      .argument('<digest...>')
      .option('--reason <text>', 'told to whoever tries'),
    async ({ api, out }, { reason }, given: string, digests: string[]) => {
      const repository = repositoryOf(given)
      for (const digest of digests) {
        await api.call('PUT /repositories/{repository}/-/protected-manifests/{digest}', {
          path: { repository, digest },
          body: reason === undefined ? {} : { reason },
        })
        out.done(`protected ${repository}@${digest}`)
      }
    },
  )

  remote(
    group
      .command('release')
      .description('let protected manifests go')
      .argument('<repository>')
      .argument('<digest...>'),
    async ({ api, out }, _, given: string, digests: string[]) => {
      const repository = repositoryOf(given)
      for (const digest of digests) {
        await api.call('DELETE /repositories/{repository}/-/protected-manifests/{digest}', {
          path: { repository, digest },
        })
        out.done(`released ${repository}@${digest}`)
      }
    },
  )

  remote(
    group.command('protected').description('list the protected manifests').argument('<repository>'),
    async ({ api, out }, _, given: string) => {
      const path = { repository: repositoryOf(given) }
      const { items } = await api.call('GET /repositories/{repository}/-/protected-manifests', { path })
      out.list(items, [
        ['DIGEST', ({ digest }) => digest],
        ['SINCE', ({ since }) => when(since)],
        ['REASON', ({ reason }) => reason],
      ])
    },
  )
}

/** `berth namespace immutable` */
export function namespaceProtectionCommands(group: Command): void {
  remote<{ none?: boolean }>(
    group
      .command('immutable')
      .description('say which tags nobody moves or deletes, where the repository does not')
      .argument('<name>')
      .argument('[pattern...]', PATTERNS)
      .option('--none', 'all tags move'),
    async ({ api, out }, { none }, namespace: string, patterns: string[]) => {
      const path = { namespace }
      if (none && patterns.length > 0) throw new UsageError('say patterns or --none')
      if (!none && patterns.length === 0) {
        const found = await api.call('GET /namespaces/{namespace}/immutable-tags', { path })
        out.one(found, [['immutable tags', (tags) => tags.patterns.join(' ') || 'none']])
        return
      }
      const set = await api.call('PUT /namespaces/{namespace}/immutable-tags', { path, body: { patterns } })
      out.done(`immutable tags of ${namespace}: ${set.patterns.join(' ') || 'none'}`, set)
    },
  )
}
