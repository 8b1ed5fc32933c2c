import { MAX_ACCOUNT_NAME, MIN_ACCOUNT_NAME } from '../core/account-names.ts'
import type { LinkPurpose } from '../store/meta/account-store.ts'
import { MAX_TEXT } from './contract/common.ts'
import { Html, html } from './html.ts'
import { htmlPage } from './html-page.ts'

/** What was typed, but for passwords, which are typed again. */
export interface JoinFields {
  readonly username: string
  readonly displayName: string
}

/** What is wrong, by the field it is shown at; `form`: above all of them. */
export type Mistakes = Readonly<Partial<Record<keyof JoinFields | 'password' | 'repeated' | 'form', string>>>

/** What a form is for: what its link is for, or without one an account, where everyone may make one. */
export type Purpose = LinkPurpose | { readonly kind: 'open' }
export const OPEN: Purpose = { kind: 'open' }

/** A form that does something. */
export interface JoinPlace {
  /** Of the link; empty where there is none. */
  readonly token: string
  readonly purpose: Purpose
  readonly rules: { readonly passwordMinLength: number }
}

const NARROW = { narrow: true } as const

/** The form of a link; again, with what was wrong, where it was sent. */
export function formView(
  { token, purpose, rules }: JoinPlace,
  fields: Partial<JoinFields>,
  mistakes: Mistakes,
  status = 200,
): Response {
  const { title, sentence, button } = words(purpose)
  const reset = purpose.kind === 'password-reset'
  const content = html`<h1>${title}</h1>
<p class="quiet">${sentence}</p>
${mistakes.form && html`<p class="wrong" role="alert">${mistakes.form}</p>`}
<form method="post" action="${reset ? 'reset' : 'join'}">
<input type="hidden" name="token" value="${token}">
${purpose.kind === 'password-reset' ? knownName(purpose.user) : names(fields, mistakes)}
${input({
  name: 'password',
  label: 'Password',
  type: 'password',
  complete: 'new-password',
  hint: `At least ${rules.passwordMinLength} characters, and not the name of the account. A few words that do not belong together are good.`,
  mistake: mistakes.password,
})}
${input({
  name: 'repeated',
  label: 'The same password again',
  type: 'password',
  complete: 'new-password',
  mistake: mistakes.repeated,
})}
<button type="submit">${button}</button>
</form>`
  return htmlPage(title, content, { ...NARROW, form: true, status })
}

/** What became of it, and how to go on. */
export function doneView(purpose: Purpose, name: string, host: string): Response {
  const title = purpose.kind === 'password-reset' ? 'Your password is set' : `Welcome, ${name}`
  const before =
    purpose.kind === 'password-reset'
      ? 'The old one is gone, and whoever was signed in with it is not any more.'
      : purpose.kind === 'administrator'
        ? 'You are the administrator of this registry.'
        : `Your repositories are named ${name}/….`
  return htmlPage(
    title,
    html`<h1>${title}</h1>
<p>${before} Sign in with the password:</p>
<pre>docker login ${host} -u ${name}</pre>
<p>Better give docker a token, which ends and can be narrowed. The berth program makes one, and prints it once:</p>
<pre>berth login ${host} -u ${name}
berth token add laptop --server ${host} --scope '**:write' --expires 90d</pre>
<p>Then log in again, with the token as the password. What else logs in, the guide tells: docs/guide/login.md.</p>`,
    NARROW,
  )
}

/** One text for a link that never was, is used, or is over. */
export function uselessView(): Response {
  return htmlPage(
    'This link cannot be used',
    html`<h1>This link cannot be used</h1>
<p>It is wrong, over, or was used before: each works once. Ask for another where you got it.</p>`,
    { ...NARROW, status: 403 },
  )
}

/** Where nothing can be made. */
export function readOnlyView(): Response {
  return htmlPage(
    'This registry is read-only',
    html`<h1>This registry is read-only</h1>
<p>No account is made here, and no password is set. Open the link at the registry that this one is a copy of, or ask whoever runs it.</p>`,
    { ...NARROW, status: 403 },
  )
}

function words(purpose: Purpose): { title: string; sentence: string; button: string } {
  switch (purpose.kind) {
    case 'administrator':
      return {
        title: 'The first administrator',
        sentence: 'This account administers the whole registry: its people, and every repository.',
        button: 'Make the account',
      }
    case 'password-reset':
      return {
        title: 'A new password',
        sentence: `For ${purpose.user}. Whoever is signed in with the old one will not be any more.`,
        button: 'Set the password',
      }
    case 'open':
      return {
        title: 'Make an account',
        sentence: 'Everyone may have one in this registry.',
        button: 'Make the account',
      }
    case 'invitation':
      return {
        title: purpose.organisation === undefined ? 'Make an account' : `Join ${purpose.organisation}`,
        sentence:
          purpose.organisation === undefined
            ? 'You are invited to this registry.'
            : `You are invited to be ${purpose.role === 'owner' ? 'an owner' : 'a member'} of ${purpose.organisation}.`,
        button: 'Make the account',
      }
  }
}

/** Whose password it is: shown above, and told to the browser that remembers it. */
function knownName(user: string): Html {
  return html`<input type="text" name="username" value="${user}" autocomplete="username" readonly hidden>`
}

function names(fields: Partial<JoinFields>, mistakes: Mistakes): Html {
  return html`${input({
    name: 'username',
    label: 'Name',
    type: 'text',
    complete: 'username',
    value: fields.username,
    hint: `${MIN_ACCOUNT_NAME} to ${MAX_ACCOUNT_NAME} lower-case letters and digits, with . _ __ or any number of - between them. It begins the names of your repositories and cannot be changed.`,
    mistake: mistakes.username,
    most: MAX_ACCOUNT_NAME,
  })}
${input({
  name: 'displayName',
  label: 'Full name',
  type: 'text',
  complete: 'name',
  value: fields.displayName,
  hint: 'May be left out.',
  mistake: mistakes.displayName,
  optional: true,
  most: MAX_TEXT,
})}`
}

interface Input {
  readonly name: string
  readonly label: string
  readonly type: 'text' | 'password'
  readonly complete: string
  readonly value?: string | undefined
  readonly hint?: string
  readonly mistake?: string | undefined
  readonly optional?: boolean
  readonly most?: number
}

function input({ name, label, type, complete, value, hint, mistake, optional, most }: Input): Html {
  const about = [mistake && `${name}-wrong`, hint && `${name}-hint`].filter(Boolean).join(' ')
  return html`<label for="${name}">${label}</label>
<input id="${name}" name="${name}" type="${type}" autocomplete="${complete}" value="${value ?? ''}"${attribute('maxlength', most)}${attribute('aria-describedby', about || undefined)}${flag('aria-invalid="true"', mistake !== undefined)}${flag('required', !optional)}${flag('autocapitalize="none" spellcheck="false"', name === 'username')}>
${mistake && html`<p class="hint wrong" id="${name}-wrong">${mistake}</p>`}
${hint && html`<p class="hint" id="${name}-hint">${hint}</p>`}`
}

function attribute(name: string, value: string | number | undefined): Html | undefined {
  return value === undefined ? undefined : html` ${new Html(name)}="${value}"`
}

function flag(text: string, on: boolean): Html | undefined {
  return on ? new Html(` ${text}`) : undefined
}
