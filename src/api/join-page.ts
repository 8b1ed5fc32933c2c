import { findLink } from '../auth/links.ts'
import { causeOf } from '../core/cause.ts'
import { ANONYMOUS, type Call, contextOf } from '../core/context.ts'
import { RegistryError, refuse } from '../core/errors.ts'
import type { Door } from './doors.ts'
import type { ApiParts } from './handler.ts'
import { SIGNUP_HANDLERS } from './handlers/signup.ts'
import {
  doneView,
  formView,
  type JoinFields,
  type Mistakes,
  OPEN,
  type Purpose,
  readOnlyView,
  uselessView,
} from './join-views.ts'
import { logFailure } from './log-failure.ts'
import { isTold, Refusal, refusalResponse } from './problem.ts'
import { readText } from './read-input.ts'
import { refuseChange } from './refuse-changes.ts'

/** Where links lead: `/join` for those that make an account, `/reset` for those that set a password. One page serves both. */
const SIGN_UP = '/join'
const PATHS: ReadonlySet<string> = new Set([SIGN_UP, '/reset'])
/** Bytes of a form: a few fields, percent-encoded. */
const MAX_FORM = 16 * 1024
const FORM_TYPE = /^application\/x-www-form-urlencoded\s*(?:;|$)/i

/**
 * The page behind a one-time link: a form without script, for the first administrator, an invitation, a new password; without a link, for
 * an account of one's own, where sign-up is open. What it does, the API does; here it is asked for by people.
 */
export const JOIN_DOOR: Door = {
  handles: (path) => PATHS.has(path),
  async answer(request, call, parts) {
    switch (request.method) {
      case 'GET':
      case 'HEAD':
        return show(new URL(request.url), parts)
      case 'POST':
        return submit(request, call, parts)
      default:
        throw refuse('method-not-allowed', 'the page is read (GET), and its form is sent (POST)', {
          allow: 'GET, HEAD, POST',
        })
    }
  },
}

async function show({ pathname, searchParams }: URL, parts: ApiParts): Promise<Response> {
  if (parts.settings.readOnly) return readOnlyView()
  const token = searchParams.get('token') ?? ''
  const purpose = await purposeOf(pathname, token, parts)
  if (purpose === undefined) return uselessView()
  return formView({ token, purpose, rules: parts.settings }, {}, {})
}

/** What the form is for; undefined where it is for nothing. */
async function purposeOf(path: string, token: string, parts: ApiParts): Promise<Purpose | undefined> {
  if (token === '' && path === SIGN_UP && parts.settings.signUp === 'open') return OPEN
  return (await findLink(parts.store, token, parts.clock.now()))?.purpose
}

async function submit(request: Request, call: Call, parts: ApiParts): Promise<Response> {
  refuseForeignForm(request, call)
  refuseChange(parts)
  if (!FORM_TYPE.test(request.headers.get('Content-Type') ?? ''))
    throw new Refusal('media-type-unsupported', 'this takes the form of the page; open the link in a browser')
  const form = new URLSearchParams(await readText(request, MAX_FORM))
  const field = (name: string) => form.get(name) ?? ''
  const token = field('token')
  const purpose = await purposeOf(new URL(request.url).pathname, token, parts)
  if (purpose === undefined) return uselessView()
  const fields: JoinFields = { username: field('username'), displayName: field('displayName') }
  const place = { token, purpose, rules: parts.settings }
  const again = (mistakes: Mistakes, status: number) => formView(place, fields, mistakes, status)
  if (field('password') !== field('repeated'))
    return again({ repeated: 'this is another password than the one above; type both again' }, 400)
  try {
    const name = await act(purpose, { ...fields, token, password: field('password') }, call, parts)
    return doneView(purpose, name, new URL(call.origin).host)
  } catch (error) {
    if (!isTold(error)) throw error
    logFailure(error, request, call, parts.log)
    if (error instanceof Refusal && error.kind === 'link-invalid') return uselessView()
    return again(mistakesOf(error), refusalResponse(error, call.requestId).status)
  }
}

/** Does by what the API has for it what the form is for, and uses the link up. Gives the account's name. */
async function act(
  purpose: Purpose,
  { token, username, displayName, password }: JoinFields & { token: string; password: string },
  call: Call,
  parts: ApiParts,
): Promise<string> {
  const ctx = contextOf(call, ANONYMOUS)
  const asked = {
    ctx,
    caller: { kind: 'anonymous', name: 'anonymous', whole: false, administrator: false, owned: [] },
    path: {},
    query: undefined,
    version: undefined,
    cause: causeOf(ctx, parts.clock.now()),
  } as const
  if (purpose.kind === 'password-reset') {
    await SIGNUP_HANDLERS['POST /password-resets']({ ...asked, body: { link: token, password } }, parts)
    return purpose.user
  }
  const own = { username: username.trim(), displayName: displayName.trim(), password }
  const body = purpose.kind === 'open' ? own : { ...own, link: token }
  await SIGNUP_HANDLERS['POST /signup']({ ...asked, body }, parts)
  return body.username
}

/** What was wrong, by field. */
function mistakesOf(error: Refusal | RegistryError): Mistakes {
  if (error instanceof RegistryError) return { form: error.message }
  if (error.kind === 'conflict') return { username: error.message }
  const mistakes: Record<string, string> = {}
  for (const { at, message } of error.errors ?? [])
    mistakes[at === 'username' || at === 'password' || at === 'displayName' ? at : 'form'] = message
  return Object.keys(mistakes).length > 0 ? mistakes : { form: error.message }
}

/**
 * Refuses `foreign-origin` for a form that another site's page had a browser send. Nothing here is done on the visitor's authority, since no
 * cookie is looked at and the link's secret stands in the form; yet nobody should get an account by looking at a page. This page gives its
 * address to nobody, so that browsers send `Origin: null` with its form: only what names another site is refused.
 */
function refuseForeignForm(request: Request, call: Call): void {
  const site = request.headers.get('Sec-Fetch-Site')
  const origin = request.headers.get('Origin')
  const own =
    site !== null
      ? site === 'same-origin' || site === 'none'
      : origin === null || origin === 'null' || origin === new URL(call.origin).origin
  if (own) return
  throw new Refusal(
    'foreign-origin',
    `the form was sent from a page that is not of this server (${call.origin}); open the link itself`,
  )
}
