import { type Command, Option } from 'commander'
import { ApiError } from '../../api/client.ts'
import type { ResultOf } from '../../api/contract/contract.ts'
import { allOf, remote, type Session, withLimit } from '../command.ts'
import { type Allowance, collectAllowances, parseVerbs, patternOf, subjectOf } from '../parse.ts'

type Verbs = ReturnType<typeof parseVerbs>
type Grant = ResultOf<'POST /namespaces/{namespace}/grants'>

const SUBJECT = [
  '<subject>',
  'USER, OWNER+ROBOT, team:ORGANISATION/NAME, everyone (signed in) or anyone',
] as const
const WHERE = ['<where>', 'a namespace (acme), or one repository (acme/web)'] as const

/** `berth grant …` */
export function grantCommands(group: Command): void {
  remote(
    group
      .command('add')
      .description('give a subject exactly these verbs on a pattern of repositories')
      .argument(...SUBJECT, subjectOf)
      .argument('<pattern>', 'acme/web, acme/* (one level) or acme/** (all below)', patternOf)
      .argument('<verbs>', 'read, write, admin, or of pull,push,create-tag,delete', parseVerbs),
    async (session, _, subject: string, pattern: string, verbs: Verbs) => {
      const made = await addGrant(session, subject, pattern, verbs)
      session.out.done(
        `grant ${made.id}: ${made.subject} may ${made.verbs.join(', ')} in ${made.pattern}`,
        made,
      )
    },
  )

  remote<{ limit?: number }>(
    withLimit(
      group
        .command('list')
        .alias('ls')
        .description('list the grants of a namespace, or those that concern one repository')
        .argument(...WHERE),
    ),
    async ({ api, out }, { limit }, where: string) => {
      const items = await allOf(
        (query) =>
          where.includes('/')
            ? api.call('GET /repositories/{repository}/-/grants', { path: { repository: where }, query })
            : api.call('GET /namespaces/{namespace}/grants', { path: { namespace: where }, query }),
        limit,
      )
      out.list(items, [
        ['ID', ({ id }) => String(id)],
        ['SUBJECT', ({ subject }) => subject],
        ['PATTERN', ({ pattern }) => pattern],
        ['VERBS', ({ verbs }) => verbs.join(',')],
      ])
    },
  )

  remote(
    group
      .command('remove')
      .alias('rm')
      .description('take a grant back')
      .argument(...WHERE)
      .argument('<id>'),
    async ({ api, out }, _, where: string, id: string) => {
      if (where.includes('/'))
        await api.call('DELETE /repositories/{repository}/-/grants/{id}', { path: { repository: where, id } })
      else await api.call('DELETE /namespaces/{namespace}/grants/{id}', { path: { namespace: where, id } })
      out.done(`took grant ${id} back`)
    },
  )

  remote<{ set?: Allowance[]; clear?: boolean }>(
    group
      .command('defaults')
      .description('show or set the grants that every new repository of a namespace begins with')
      .argument('<namespace>')
      .addOption(
        new Option('--set <subject:verbs>', 'these instead, such as team:acme/devs:write; may come again')
          .argParser(collectAllowances)
          .conflicts('clear'),
      )
      .option('--clear', 'none'),
    async ({ api, out }, { set, clear }, namespace: string) => {
      const path = { namespace }
      const grants = clear ? [] : set?.map(({ to, verbs }) => ({ subject: subjectOf(to), verbs }))
      const defaults =
        grants === undefined
          ? await api.call('GET /namespaces/{namespace}/default-grants', { path })
          : await api.call('PUT /namespaces/{namespace}/default-grants', { path, body: { grants } })
      if (out.json) {
        out.done('', defaults)
        return
      }
      out.list(defaults.grants, [
        ['SUBJECT', ({ subject }) => subject],
        ['VERBS', ({ verbs }) => verbs.join(',')],
      ])
    },
  )
}

/**
 * On one repository by the repository, so that its administrators can, too, who need not own the namespace; else, and where there is no
 * such repository yet, by the namespace.
 */
async function addGrant({ api }: Session, subject: string, pattern: string, verbs: Verbs): Promise<Grant> {
  if (pattern.includes('/') && !pattern.includes('*')) {
    try {
      return await api.call('POST /repositories/{repository}/-/grants', {
        path: { repository: pattern },
        body: { subject, verbs },
      })
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error
    }
  }
  const namespace = pattern.split('/', 1)[0] as string
  return api.call('POST /namespaces/{namespace}/grants', {
    path: { namespace },
    body: { subject, pattern, verbs },
  })
}
