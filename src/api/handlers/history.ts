import { parseRepoName, parseTag } from '../../core/names.ts'
import { allows, type VerbSet } from '../../core/verbs.ts'
import type { TagEvent } from '../../store/meta/lifecycle-store.ts'
import type { LIFECYCLE } from '../contract/lifecycle.ts'
import type { ApiCall, ApiParts, Handlers } from '../handler.ts'
import { pageByIdRequest, pageRequest, pageResult } from '../paging.ts'
import { absent, Refusal } from '../problem.ts'
import { said, timeText } from '../values.ts'
import { noRepository } from './repository-names.ts'

type HistoryEndpoint = Extract<
  keyof typeof LIFECYCLE,
  `${string}history` | `${string}deleted-tags` | `${string}/tags/{tag}/restore`
>

/** What happened to tags, and how it is undone. */
export const HISTORY_HANDLERS: Handlers<HistoryEndpoint> = {
  'GET /repositories/{repository}/-/history': (call, parts) => listEvents(call, {}, parts),

  'GET /repositories/{repository}/-/tags/{tag}/history': (call, parts) =>
    listEvents(call, { tag: parseTag(call.path.tag) }, parts),

  async 'GET /repositories/{repository}/-/deleted-tags'({ ctx, path, query }, { store, guard }) {
    const repo = parseRepoName(path.repository)
    const verbs = await guard.verbs(ctx, repo)
    const page = await store.listDeletedTags(repo, pageRequest(query))
    if (page === undefined) throw noRepository(repo)
    return pageResult(
      page,
      (event) => told(event, verbs),
      ({ tag }) => tag,
    )
  },

  async 'POST /repositories/{repository}/-/tags/{tag}/restore'({ path, body, cause }, { store, settings }) {
    const repo = parseRepoName(path.repository)
    const tag = parseTag(path.tag)
    const { event, side } = body
    const restore = said({ repo, tag, event, side, grace: settings.lease })
    const restored = await store.restoreTag(restore, cause)
    switch (restored.outcome) {
      case 'absent':
        throw absent(`${repo}:${tag} has no change ${event}; its history tells those there are`)
      case 'gone':
        throw new Refusal(
          'conflict',
          `what change ${event} of ${repo}:${tag} ${side === 'to' ? 'made' : 'left'} is not here any more, or was nothing; push it again`,
        )
      case 'immutable':
        throw new Refusal(
          'tag-immutable',
          `tag ${tag} of ${repo} is immutable and stays where it is; take it out of the immutable tags first`,
        )
      default:
        return { name: tag, digest: restored.digest, changed: restored.outcome === 'restored' }
    }
  },
}

async function listEvents(
  { ctx, path, query }: Pick<ApiCall<'GET /repositories/{repository}/-/history'>, 'ctx' | 'path' | 'query'>,
  filter: Parameters<ApiParts['store']['listTagEvents']>[1],
  { store, guard }: ApiParts,
) {
  const repo = parseRepoName(path.repository)
  const verbs = await guard.verbs(ctx, repo)
  const page = await store.listTagEvents(repo, filter, pageByIdRequest(query))
  if (page === undefined) throw noRepository(repo)
  return pageResult(
    page,
    (event) => told(event, verbs),
    ({ id }) => String(id),
  )
}

/** Whoever may only pull learns what happened, and not whose doing it was, nor where they sat. */
function told({ id, tag, at, kind, from, to, restorable, ...whose }: TagEvent, verbs: VerbSet) {
  const { actor, credential, address, agent } = whose
  return {
    id,
    tag,
    at: timeText(at),
    kind,
    from: from ?? null,
    to: to ?? null,
    restorable,
    ...(allows(verbs, 'create-tag') && { actor }),
    ...(allows(verbs, 'admin') && said({ credential, address, agent })),
  }
}
