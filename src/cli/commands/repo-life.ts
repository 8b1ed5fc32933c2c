import type { Command } from 'commander'
import type { ApiClient } from '../../api/client.ts'
import { remote } from '../command.ts'
import { when } from '../output.ts'
import { repositoryOf } from '../parse.ts'

/** `berth repo delete|deleted|restore|rename` */
export function repoLifeCommands(group: Command): void {
  remote(
    group
      .command('delete')
      .alias('rm')
      .description('delete repositories; they can be restored')
      .argument('<repository...>'),
    async ({ api, out }, _, given: string[]) => {
      for (const each of given) {
        const repository = repositoryOf(each)
        await api.call('DELETE /repositories/{repository}', { path: { repository } })
        out.done(`deleted the repository ${repository}; berth repo restore ${repository} brings it back`)
      }
    },
  )

  remote(
    group
      .command('deleted')
      .description('list the deleted repositories that can be restored')
      .argument('<namespace>'),
    async ({ api, out }, _, namespace: string) => {
      out.list(await deletedIn(namespace, api), [
        ['REPOSITORY', ({ name }) => name],
        ['NUMBER', ({ id }) => String(id)],
        ['DELETED', ({ deletedAt }) => when(deletedAt)],
        ['UNTIL', ({ until }) => when(until)],
      ])
    },
  )

  remote<{ as?: string }>(
    group
      .command('restore')
      .description('bring a deleted repository back; of several, the last')
      .argument('<repository>', 'its name, or NAMESPACE#NUMBER')
      .option('--as <name>', 'under another name'),
    async ({ api, out }, { as }, given: string) => {
      const path = await deletedNamed(given, api)
      const body = as === undefined ? {} : { name: repositoryOf(as) }
      const restored = await api.call('POST /namespaces/{namespace}/deleted-repositories/{id}/restore', {
        path,
        body,
      })
      out.done(`restored the repository ${restored.name}`, restored)
    },
  )

  remote(
    group
      .command('rename')
      .alias('mv')
      .description('rename or move a repository; its old name leads to it')
      .argument('<repository>')
      .argument('<to>'),
    async ({ api, out }, _, given: string, to: string) => {
      const repository = repositoryOf(given)
      const renamed = await api.call('POST /repositories/{repository}/-/rename', {
        path: { repository },
        body: { to: repositoryOf(to) },
      })
      out.done(`${repository} is now called ${renamed.name}`, renamed)
    },
  )
}

async function deletedIn(namespace: string, api: ApiClient) {
  const path = { namespace }
  return (await api.call('GET /namespaces/{namespace}/deleted-repositories', { path })).items
}

async function deletedNamed(given: string, api: ApiClient): Promise<{ namespace: string; id: string }> {
  const [, of, number] = /^([^/#]+)#(\d+)$/.exec(given) ?? []
  if (of !== undefined && number !== undefined) return { namespace: of, id: number }
  const name = repositoryOf(given)
  const namespace = name.slice(0, name.indexOf('/'))
  const [last] = (await deletedIn(namespace, api))
    .filter((repository) => repository.name === name)
    .sort((a, b) => Date.parse(b.deletedAt) - Date.parse(a.deletedAt) || b.id - a.id)
  if (last !== undefined) return { namespace, id: String(last.id) }
  throw new Error(`no deleted repository ${name} can be restored; see berth repo deleted ${namespace}`)
}
