import { explain } from '../../auth/explain.ts'
import type { Context } from '../../core/context.ts'
import { parseRepoName } from '../../core/names.ts'
import { allows } from '../../core/verbs.ts'
import type { REPOSITORIES } from '../contract/repositories.ts'
import type { Handlers } from '../handler.ts'
import { Refusal } from '../problem.ts'

export const EXPLAIN_HANDLERS: Handlers<Extract<keyof typeof REPOSITORIES, 'GET /access'>> = {
  async 'GET /access'({ ctx, query, cause: { now } }, { guard, store }) {
    const repo = parseRepoName(query.repository)
    const own = ownName(ctx)
    const subject = query.subject ?? own
    if (subject === undefined) {
      throw new Refusal('query-invalid', 'subject: say whose access it is about, such as alice or acme+ci')
    }
    refuseOthers(subject)
    const credential = ctx.actor.kind === 'account' ? ctx.actor.credential : undefined
    const self = own !== undefined && subject.replace(/^(?:user|robot):/, '') === own
    // Whoever administers a repository decides about others there, and may know what they can do.
    const verbs = self ? await guard.verbs(ctx, repo) : await guard.require(ctx, repo, 'admin')
    const { because, ...told } = await explain(store, {
      subject,
      verb: query.verb,
      repo,
      administers: allows(verbs, 'admin'),
      now,
      ...(self && credential !== undefined && { credential }),
    })
    return { ...told, because: { ...because } }
  },
}

/** Refuses `query-invalid` for what grants can be given to and what does nothing itself. */
function refuseOthers(subject: string): void {
  if (!subject.startsWith('team:') && subject !== 'everyone') return
  throw new Refusal(
    'query-invalid',
    `subject: ${subject} is not one who does something; say a user or robot, such as alice or acme+ci, or anyone for who is not signed in`,
  )
}

function ownName({ actor }: Context): string | undefined {
  return actor.kind === 'account' ? actor.name : undefined
}
