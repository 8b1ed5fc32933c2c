import { isRefusal, refuse } from './errors.ts'
import { parseRepoName } from './names.ts'

export const MIN_ACCOUNT_NAME = 2
export const MAX_ACCOUNT_NAME = 64

/** Names that would be taken for something else: paths of this server, words of the protocol, aliases of logins. */
const RESERVED: ReadonlySet<string> = new Set([
  'library',
  'anonymous',
  'anyone',
  'everyone',
  'operator',
  'gitlab-ci-token',
  'oauth2accesstoken',
  '00000000-0000-0000-0000-000000000000',
  'api',
  'token',
  'v1',
  'v2',
])

const ACCOUNT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/
const ROBOT = /^([a-z0-9._-]+)\+([a-z0-9._-]+)$/

/** Parses the name of a user or an organisation: the first part of its repositories' names. Refuses `name-invalid`. */
export function parseAccountName(text: string): string {
  if (text.length < MIN_ACCOUNT_NAME || text.length > MAX_ACCOUNT_NAME || !ACCOUNT.test(text)) {
    throw refuse(
      'name-invalid',
      `${JSON.stringify(text.slice(0, MAX_ACCOUNT_NAME + 1))} cannot be the name of an account; use ${MIN_ACCOUNT_NAME} to ${MAX_ACCOUNT_NAME} lower-case letters and digits, with . _ __ or any number of - between them`,
    )
  }
  if (RESERVED.has(text)) {
    throw refuse('name-invalid', `the name ${text} is reserved; choose another`)
  }
  parseRepoName(`${text}/x`)
  return text
}

/** Whether a user or an organisation could have the name. */
export function isAccountName(text: string): boolean {
  try {
    return parseAccountName(text) === text
  } catch (error) {
    if (isRefusal(error)) return false
    throw error
  }
}

/** Parses the name of a team, or of a robot within its owner. Refuses `name-invalid`. */
export function parsePartName(text: string): string {
  if (text.length <= MAX_ACCOUNT_NAME && ACCOUNT.test(text)) return text
  throw refuse(
    'name-invalid',
    `${JSON.stringify(text.slice(0, MAX_ACCOUNT_NAME + 1))} cannot be a name here; use at most ${MAX_ACCOUNT_NAME} lower-case letters and digits, with . _ __ or any number of - between them`,
  )
}

/** Takes a robot's name apart; undefined for a text that cannot be one. */
export function splitRobotName(text: string): { readonly owner: string; readonly name: string } | undefined {
  const match = ROBOT.exec(text)
  return match === null ? undefined : { owner: match[1] as string, name: match[2] as string }
}
