import { type Command, Option } from 'commander'
import type { ResultOf } from '../../api/contract/contract.ts'
import { remote } from '../command.ts'
import { type Column, when } from '../output.ts'
import { parseUndo } from '../parse.ts'
import { UsageError } from '../usage-error.ts'
import { namespaceProtectionCommands } from './protection.ts'

const FIELDS: readonly Column<ResultOf<'GET /namespaces/{namespace}'>>[] = [
  ['name', ({ name }) => name],
  ['owner', ({ owner }) => (owner === null ? 'the site administrators' : `${owner.kind} ${owner.name}`)],
  ['new repositories', ({ defaultVisibility }) => defaultVisibility],
  ['undo', ({ undoSeconds }) => (undoSeconds === null ? 'as the site has it' : `${undoSeconds} s`)],
  ['since', ({ createdAt }) => when(createdAt)],
]

/** `berth namespace …` */
export function namespaceCommands(group: Command): void {
  remote(
    group.command('show').description('show a namespace').argument('<name>'),
    async ({ api, out }, _, namespace: string) =>
      out.one(await api.call('GET /namespaces/{namespace}', { path: { namespace } }), FIELDS),
  )

  remote<{ public?: boolean; private?: boolean; undo?: ReturnType<typeof parseUndo> }>(
    group
      .command('set')
      .description('say what new repositories are, and how long is undone')
      .argument('<name>')
      .addOption(new Option('--public', 'anyone may pull from new repositories').conflicts('private'))
      .option('--private', 'new repositories are for those who are granted something')
      .option('--undo <time>', 'how long deletions can be undone: 30d, 12h, default', parseUndo),
    async ({ api, out }, options, namespace: string) => {
      const undoSeconds = options.undo === 'default' ? null : options.undo
      const says = options.public || options.private
      if (!says && undoSeconds === undefined) throw new UsageError('say --public, --private or --undo')
      const changed = await api.call('PATCH /namespaces/{namespace}', {
        path: { namespace },
        body: {
          ...(says && { defaultVisibility: options.public ? ('public' as const) : ('private' as const) }),
          ...(undoSeconds !== undefined && { undoSeconds }),
        },
      })
      const remark = says ? `new repositories of ${namespace} are ${changed.defaultVisibility}` : undefined
      out.done(remark ?? `changed how long changes of ${namespace} can be undone`, changed)
    },
  )

  namespaceProtectionCommands(group)
}
