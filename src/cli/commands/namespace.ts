import { type Command, Option } from 'commander'
import type { ResultOf } from '../../api/contract/contract.ts'
import { remote } from '../command.ts'
import { type Column, when } from '../output.ts'
import { UsageError } from '../usage-error.ts'

const FIELDS: readonly Column<ResultOf<'GET /namespaces/{namespace}'>>[] = [
  ['name', ({ name }) => name],
  ['owner', ({ owner }) => (owner === null ? 'the site administrators' : `${owner.kind} ${owner.name}`)],
  ['new repositories', ({ defaultVisibility }) => defaultVisibility],
  ['since', ({ createdAt }) => when(createdAt)],
]

/** `berth namespace …` */
export function namespaceCommands(group: Command): void {
  remote(
    group.command('show').description('show a namespace').argument('<name>'),
    async ({ api, out }, _, namespace: string) =>
      out.one(await api.call('GET /namespaces/{namespace}', { path: { namespace } }), FIELDS),
  )

  remote<{ public?: boolean; private?: boolean }>(
    group
      .command('set')
      .description('say what repositories are that a push makes')
      .argument('<name>')
      .addOption(new Option('--public', 'anyone may pull from new repositories').conflicts('private'))
      .option('--private', 'new repositories are for those who are granted something'),
    async ({ api, out }, options, namespace: string) => {
      const defaultVisibility = options.public ? 'public' : 'private'
      if (!options.public && !options.private) throw new UsageError('say --public or --private')
      const changed = await api.call('PATCH /namespaces/{namespace}', {
        path: { namespace },
        body: { defaultVisibility },
      })
      out.done(`new repositories of ${namespace} are ${defaultVisibility}`, changed)
    },
  )
}
