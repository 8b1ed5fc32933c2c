import { explain, NOBODY } from '../../auth/explain.ts'
import { isAccountName, splitRobotName } from '../../core/account-names.ts'
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
    const subject = query.subject === undefined ? own : namedIn(query.subject)
    if (subject === undefined) {
      throw new Refusal('query-invalid', 'subject: say whose access it is about, such as alice or acme+ci')
    }
    const credential = ctx.actor.kind === 'account' ? ctx.actor.credential : undefined
    const self = own !== undefined && subject === own
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

/**
 * The name of a user or a robot, also where it says which of them it is, as grants do; `anyone` and `anonymous` as they are. Refuses
 * `query-invalid` for what can be none, for a kind that the name is not of, and for what grants can be given to and does nothing itself.
 */
function namedIn(subject: string): string {
  const [, kind, name] = /^(?:(user|robot):)?([^:]*)$/.exec(subject) ?? []
  if (name !== undefined) {
    const isRobot = splitRobotName(name) !== undefined
    const fits =
      isRobot || isAccountName(name) || (kind === undefined && (name === 'anyone' || name === NOBODY))
    if (fits && (kind === undefined || (kind === 'robot') === isRobot)) return name
  }
  throw new Refusal(
    'query-invalid',
    `subject: ${JSON.stringify(subject)} is not one who does something; say a user or robot, such as alice or acme+ci, or anyone for who is not signed in`,
  )
}

function ownName({ actor }: Context): string | undefined {
  return actor.kind === 'account' ? actor.name : undefined
}
