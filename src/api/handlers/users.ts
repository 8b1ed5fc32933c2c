import { parseAccountName } from '../../core/account-names.ts'
import { isRefusal, refuse } from '../../core/errors.ts'
import type { Account } from '../../store/meta/account-store.ts'
import type { Caller } from '../caller.ts'
import { requireUnbounded } from '../check-access.ts'
import type { CheckedBodyOf } from '../contract/contract.ts'
import { Answer, type ApiCall, type ApiParts, type Handlers } from '../handler.ts'
import { pageRequest, pageResult } from '../paging.ts'
import { conflict, Refusal } from '../problem.ts'
import { atMember, invalidMember, said } from '../values.ts'
import { stale } from '../version-tag.ts'
import { noUser, requireUser } from './find-account.ts'
import { byOwnPassword, newPassword } from './passwords.ts'
import { fullUserView, listedUserView, userView } from './views.ts'

/** Users, as others, administrators and they themselves see and change them. */
export const USER_HANDLERS: Handlers<
  | 'GET /users'
  | 'POST /users'
  | 'GET /users/{user}'
  | 'PATCH /users/{user}'
  | 'DELETE /users/{user}'
  | 'PUT /users/{user}/password'
> = {
  'GET /users': async ({ caller, query }, { store }) => {
    const page = { ...pageRequest(query), ...said({ filter: query.filter }) }
    const view = caller.administrator ? listedUserView : userView
    return pageResult(await store.listAccounts('user', page), view, ({ name }) => name)
  },

  'POST /users': async ({ ctx, body, cause }, parts) => {
    if (body.password !== undefined) await requireUnbounded(ctx, parts)
    const { displayName = '', email = '', administrator = false } = body
    const name = atMember('name', () => parseAccountName(body.name))
    const wanted = { name, displayName, email, administrator }
    const password = body.password === undefined ? undefined : await newPassword(parts, name, body.password)
    // Whoever makes users may give them what belongs to nobody.
    const made = await parts.store.createUser({ ...wanted, password, adopt: true }, cause)
    if (made.outcome === 'created') return fullUserView(made.account)
    const there = await parts.store.findAccount(name)
    if (there !== undefined && body.password === undefined && isSame(there, wanted))
      return new Answer(fullUserView(there), 200)
    throw conflict(
      `there is an account ${name} already, or its repositories belong to another one; choose another name, or change the one there is`,
    )
  },

  'GET /users/{user}': async ({ path, caller }, parts) => {
    const user = await requireUser(parts, path.user)
    return caller.administrator || isSelf(caller, user.name) ? fullUserView(user) : userView(user)
  },

  'PATCH /users/{user}': async ({ path, body, caller, version, cause }, parts) => {
    refuseUnlessAdministrator(caller, body)
    const { store } = parts
    const user = await requireUser(parts, path.user)
    // Who signed in just as the user was disabled must not be in when it no longer is.
    if (user.disabled && body.disabled === false) await endLogins(parts, path.user, cause)
    const change = { name: path.user, ...said(body), ...said({ version }) }
    const outcome = await store.updateAccount(change, cause)
    if (outcome === 'stale') throw stale()
    if (outcome === 'last-administrator') throw lastAdministrator(path.user)
    if (body.disabled && outcome === 'done') await endLogins(parts, path.user, cause)
    return fullUserView(await requireUser(parts, path.user))
  },

  'DELETE /users/{user}': async ({ path, cause }, parts) => {
    await requireUser(parts, path.user)
    switch (await parts.store.deleteAccount({ name: path.user }, cause)) {
      case 'has-repositories':
        throw rule(
          `${path.user} owns repositories, or deleted ones that are kept to be restored; delete them and let that time end, or disable the user`,
        )
      case 'last-owner':
        throw rule(
          `${path.user} is the only owner of an organisation; make somebody else an owner, or delete the organisation first`,
        )
      case 'last-administrator':
        throw lastAdministrator(path.user)
    }
  },

  'PUT /users/{user}/password': async (call, parts) => {
    const { ctx, path, body, caller, cause } = call
    const user = await requireUser(parts, path.user)
    const self = isSelf(caller, path.user) && ctx.actor.kind === 'account'
    // Hashing may wait in a queue, and the name be another user's by then: the one that the call was allowed for is meant.
    const account = self ? ctx.actor.account : user.id
    // A session that was left open must not be enough to take an account over – an administrator's own least of all.
    if (self) await provePassword(call, parts)
    const verifier = await newPassword(parts, path.user, body.password)
    const keep = ctx.actor.kind === 'account' ? ctx.actor.credential : undefined
    const change = { user: path.user, account, verifier, ...said({ keep }) }
    if ((await parts.store.setPassword(change, cause)) === 'absent') throw noUser(path.user)
  },
}

const isSelf = (caller: Caller, user: string) =>
  caller.kind === 'user' && caller.whole && caller.name === user

type Wanted = Pick<Account, 'name' | 'displayName' | 'email' | 'administrator'>

function isSame(there: Account, wanted: Wanted): boolean {
  return (
    there.kind === 'user' &&
    (Object.keys(wanted) as (keyof Wanted)[]).every((member) => there[member] === wanted[member])
  )
}

/** Refuses `denied` for a change that only administrators make, said by who is none – also of what stands so already. */
function refuseUnlessAdministrator(caller: Caller, body: CheckedBodyOf<'PATCH /users/{user}'>): void {
  if (caller.administrator || (body.administrator === undefined && body.disabled === undefined)) return
  throw refuse('denied', 'only site administrators change `administrator` and `disabled`; ask one of them')
}

/** Refuses `denied` for a present password that is wrong: the caller stays signed in. */
async function provePassword(
  { ctx, path, body }: ApiCall<'PUT /users/{user}/password'>,
  parts: ApiParts,
): Promise<void> {
  if (body.current === undefined)
    throw invalidMember('current', 'the present password is needed to set a new one; send it as current')
  try {
    await byOwnPassword(ctx, parts, path.user, body.current)
  } catch (error) {
    if (!isRefusal(error, 'unauthorized')) throw error
    const message = 'the present password is wrong; who has lost it asks an administrator for a reset link'
    throw new Refusal('denied', message, [{ at: 'current', message }])
  }
}

/** Ends what would live again with the account: its sessions and refresh tokens. */
async function endLogins(
  { store }: ApiParts,
  account: string,
  cause: Parameters<ApiParts['store']['deleteCredential']>[1],
): Promise<void> {
  const kinds = ['session', 'refresh'] as const
  for (const { id } of await store.listCredentials(account, kinds))
    await store.deleteCredential({ account, kinds, id }, cause)
}

function rule(message: string): Refusal {
  return new Refusal('rule-violated', message)
}

function lastAdministrator(user: string): Refusal {
  return rule(`${user} is the only administrator who can sign in; make another one first`)
}
