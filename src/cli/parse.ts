import { InvalidArgumentError } from 'commander'
import { splitRobotName } from '../core/account-names.ts'
import { AUDIT_ACTIONS, type AuditAction } from '../core/audit-actions.ts'
import { BUNDLES, type Bundle, isVerb, VERBS, type Verb } from '../core/verbs.ts'
import { UsageError } from './usage-error.ts'

/* What people write on the command line, read. All of these throw with a sentence that says how it is written. */

const DAY = 86_400_000
const UNITS = { m: 60_000, h: 3_600_000, d: DAY, w: 7 * DAY } as const

/** `pull,push`, or a bundle of verbs such as `write`. */
export function parseVerbs(text: string): (Verb | Bundle)[] {
  const verbs = text.split(',').map((verb) => verb.trim())
  for (const verb of verbs) {
    if (!isVerb(verb) && !Object.hasOwn(BUNDLES, verb)) {
      throw new InvalidArgumentError(
        `There is no verb ${JSON.stringify(verb)}; say ${verbNames()}, with commas between them.`,
      )
    }
  }
  return verbs as (Verb | Bundle)[]
}

/** One verb. */
export function parseVerb(text: string): Verb {
  if (isVerb(text)) return text
  throw new InvalidArgumentError(`Say one of ${Object.keys(VERBS).join(', ')}.`)
}

function verbNames(): string {
  return `${Object.keys(BUNDLES).join(', ')}, or ${Object.keys(VERBS).join(', ')}`
}

export interface Allowance {
  readonly to: string
  readonly verbs: (Verb | Bundle)[]
}

/** For an option that may come again: `acme/*:pull,push`, or `team:acme/devs:write`. */
export function collectAllowances(text: string, before: readonly Allowance[] = []): Allowance[] {
  const colon = text.lastIndexOf(':')
  if (colon <= 0) throw new InvalidArgumentError(`Say it with its verbs: ${JSON.stringify(`${text}:pull`)}.`)
  return [...before, { to: text.slice(0, colon), verbs: parseVerbs(text.slice(colon + 1)) }]
}

/** For an option that may come again. */
export function collect(text: string, before: readonly string[] = []): string[] {
  return [...before, text]
}

/** `90d`, `12h`, `2027-01-31`, a moment of RFC 3339: the moment, as the API takes it. */
export function parseMoment(text: string, direction: 1 | -1, now = Date.now()): string {
  const [, count, unit] = /^(\d{1,6})([mhdw])$/.exec(text) ?? []
  const time =
    unit === undefined
      ? /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d))?$/.test(text)
        ? Date.parse(text)
        : Number.NaN
      : now + direction * Number(count) * UNITS[unit as keyof typeof UNITS]
  const moment = new Date(time)
  if (Number.isNaN(moment.getTime()) || moment.getUTCFullYear() > 9999) {
    throw new InvalidArgumentError(
      'Say how long (30m, 12h, 90d, 4w), a day (2027-01-31) or a moment (2027-01-31T12:00:00Z).',
    )
  }
  return moment.toISOString()
}

export const parseExpiry = (text: string) => parseMoment(text, 1)
export const parseSince = (text: string) => parseMoment(text, -1)

/** An action of the audit. */
export function parseAction(text: string): AuditAction {
  const action = AUDIT_ACTIONS.find((each) => each === text)
  if (action !== undefined) return action
  throw new InvalidArgumentError(`Say one of ${AUDIT_ACTIONS.join(', ')}.`)
}

/** A whole number from 1. */
export function parseCount(text: string): number {
  const count = Number(text)
  if (/^\d{1,9}$/.test(text) && count > 0) return count
  throw new InvalidArgumentError('Say a whole number from 1.')
}

/** `alice`, `acme+ci`, or a subject as it is: `team:acme/devs`, `everyone`, `anyone`. */
export function subjectOf(text: string): string {
  if (text.includes(':') || text === 'everyone' || text === 'anyone') return text
  if (text.includes('/'))
    throw new UsageError(`${JSON.stringify(text)} is no user and no robot; a team is written team:${text}`)
  return splitRobotName(text) === undefined ? `user:${text}` : `robot:${text}`
}

/** A pattern of repositories in one namespace, for a grant. */
export function patternOf(text: string): string {
  const [namespace = '', ...rest] = text.split('/')
  if (/[*?]/.test(namespace)) {
    throw new UsageError(
      `${JSON.stringify(text)} is in no namespace, and a grant is given in one; name it, such as acme/**`,
    )
  }
  if (rest.length === 0) {
    throw new UsageError(
      `${JSON.stringify(text)} is no pattern of repositories; write library/${text} for the official image, or ${text}/** for all of the namespace`,
    )
  }
  return text
}

/** `acme/devs` taken apart. */
export function splitTeam(text: string): { readonly organisation: string; readonly team: string } {
  const [organisation, team, ...more] = text.split('/')
  if (organisation && team && more.length === 0) return { organisation, team }
  throw new UsageError(`${JSON.stringify(text)} is no team; say ORGANISATION/TEAM, such as acme/devs`)
}

/** `acme+ci` taken apart, as paths of the API have it. */
export function splitRobot(text: string): { readonly namespace: string; readonly robot: string } {
  const parts = splitRobotName(text)
  if (parts === undefined)
    throw new UsageError(`${JSON.stringify(text)} is no robot; say OWNER+NAME, such as acme+ci`)
  return { namespace: parts.owner, robot: parts.name }
}

/** The whole name of a repository: one part alone is an official image. */
export function repositoryOf(text: string): string {
  return text.includes('/') ? text : `library/${text}`
}

/** `acme/web:v1` taken apart. Without a tag it is the repository alone, where none is needed. */
export function splitTag(text: string, need: 'needed'): { readonly repository: string; readonly tag: string }
export function splitTag(text: string): { readonly repository: string; readonly tag: string | undefined }
export function splitTag(text: string, need?: 'needed') {
  const colon = text.lastIndexOf(':')
  const has = colon > text.lastIndexOf('/')
  if (!has && need) throw new UsageError(`${JSON.stringify(text)} names no tag; say it as acme/web:latest`)
  return has
    ? { repository: repositoryOf(text.slice(0, colon)), tag: text.slice(colon + 1) }
    : { repository: repositoryOf(text), tag: undefined }
}

/** `30d`, `12h`: seconds; or `default`. */
export function parseUndo(text: string): number | 'default' {
  if (text === 'default') return text
  const [, count, unit] = /^(\d{1,6})([mhdw])$/.exec(text) ?? []
  if (unit === undefined) throw new InvalidArgumentError('Say how long, as 30d or 12h, or default.')
  return (Number(count) * UNITS[unit as keyof typeof UNITS]) / 1000
}
