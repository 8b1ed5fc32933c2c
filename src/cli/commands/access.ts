import type { Command } from 'commander'
import type { Verb } from '../../core/verbs.ts'
import { remote } from '../command.ts'
import { parseVerb, repositoryOf, subjectOf } from '../parse.ts'

/** `berth access …` */
export function accessCommands(group: Command): void {
  remote<{ check?: boolean }>(
    group
      .command('explain')
      .description('tell which right decides what someone may do, or why none does')
      .argument('<subject>', 'USER, OWNER+ROBOT or anyone', subjectOf)
      .argument('<verb>', 'pull, push, create-tag, delete or admin', parseVerb)
      .argument('<repository>')
      .option('--check', 'fail where it is not allowed'),
    async ({ api, out }, { check }, subject: string, verb: Verb, repository: string) => {
      const answer = await api.call('GET /access', {
        query: { subject, verb, repository: repositoryOf(repository) },
      })
      out.one(answer, [
        ['allowed', ({ allowed }) => (allowed ? 'yes' : 'no')],
        ['because', ({ reason }) => reason],
      ])
      if (check && !answer.allowed) throw new Error('it is not allowed')
    },
  )
}
