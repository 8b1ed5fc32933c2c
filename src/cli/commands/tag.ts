import type { Command } from 'commander'
import type { ResultOf } from '../../api/contract/contract.ts'
import { allOf, remote, withLimit } from '../command.ts'
import { type Column, when } from '../output.ts'
import { parseCount, repositoryOf, splitTag } from '../parse.ts'

type TagEvent = ResultOf<'GET /repositories/{repository}/-/history'>['items'][number]

const short = (digest: string | null) => (digest === null ? '–' : digest.slice(0, digest.indexOf(':') + 13))

const COLUMNS: readonly Column<TagEvent>[] = [
  ['CHANGE', ({ id }) => String(id)],
  ['TAG', ({ tag }) => tag],
  ['AT', ({ at }) => when(at)],
  ['WHAT', ({ kind }) => kind],
  ['FROM', ({ from }) => short(from)],
  ['TO', ({ to }) => short(to)],
  ['RESTORABLE', ({ restorable }) => (restorable ? 'yes' : '')],
  ['BY', ({ actor = '', address = '', agent = '' }) => [actor, address, agent].filter(Boolean).join(', ')],
]

/** `berth tag …` */
export function tagCommands(group: Command): void {
  remote<{ limit?: number }>(
    withLimit(
      group
        .command('history')
        .description('what happened to a tag, or to all of a repository')
        .argument('<repository[:tag]>'),
    ),
    async ({ api, out }, { limit }, given: string) => {
      const { repository, tag } = splitTag(given)
      const events = await allOf(
        (query) =>
          tag === undefined
            ? api.call('GET /repositories/{repository}/-/history', { path: { repository }, query })
            : api.call('GET /repositories/{repository}/-/tags/{tag}/history', {
                path: { repository, tag },
                query,
              }),
        limit,
      )
      out.list(events, COLUMNS)
    },
  )

  remote<{ change?: number; redo?: boolean }>(
    group
      .command('restore')
      .description('set a tag to what it was before a change')
      .argument('<repository:tag>')
      .option('--change <number>', 'the one to undo (else the last that can be)', parseCount)
      .option('--redo', 'set it to what the change made instead'),
    async ({ api, out }, { change, redo }, given: string) => {
      const { repository, tag } = splitTag(given, 'needed')
      const path = { repository, tag }
      const event =
        change ??
        (await lastRestorable(given, (query) =>
          api.call('GET /repositories/{repository}/-/tags/{tag}/history', { path, query }),
        ))
      const restored = await api.call('POST /repositories/{repository}/-/tags/{tag}/restore', {
        path,
        body: { event, ...(redo && { side: 'to' as const }) },
      })
      const now = `${repository}:${tag} is ${restored.digest}`
      out.done(restored.changed ? `${now} again` : `${now} already`, restored)
    },
  )

  remote<{ limit?: number }>(
    withLimit(
      group.command('deleted').description('list the tags that can be restored').argument('<repository>'),
    ),
    async ({ api, out }, { limit }, given: string) => {
      const path = { repository: repositoryOf(given) }
      const events = await allOf(
        (query) => api.call('GET /repositories/{repository}/-/deleted-tags', { path, query }),
        limit,
      )
      out.list(events, COLUMNS)
    },
  )
}

/** The newest change that left something which is still here. */
async function lastRestorable(given: string, call: Parameters<typeof allOf<TagEvent>>[0]): Promise<number> {
  const found = (await allOf(call)).find(({ restorable }) => restorable)
  if (found !== undefined) return found.id
  throw new Error(`no change of ${given} left anything that is still here; see berth tag history ${given}`)
}
