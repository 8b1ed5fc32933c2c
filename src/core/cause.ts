import type { Context } from './context.ts'

/** Whose doing a change is, from where, as its audit row tells it. `now`: ms since the epoch. */
export function causeOf(ctx: Context, now: number) {
  const { actor, address, agent, requestId } = ctx
  const from = { now, address, agent, requestId }
  if (actor.kind !== 'account') return { ...from, actor: actor.id }
  return { ...from, actor: actor.name, account: actor.account, credential: actor.credential }
}
